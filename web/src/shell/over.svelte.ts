/** What lies over the screen: the help sheet, the palette, or nothing. */

export const over = $state<{ shown: "help" | "palette" | null }>({ shown: null });

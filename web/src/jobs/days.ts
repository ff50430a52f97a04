/** Things in order, under the day on which they were made. Pure. */

export interface Day<T> {
  key: string;
  title: string;
  items: T[];
}

const DAY_MS = 86_400_000;

/** Groups what is in order of time by the reader's own days. */
export function byDay<T>(items: readonly T[], at: (item: T) => string | number, now = new Date()): Day<T>[] {
  const days: Day<T>[] = [];
  for (const item of items) {
    const date = new Date(at(item));
    const key = `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
    if (days.at(-1)?.key !== key) days.push({ key, title: titleOf(date, now), items: [] });
    days.at(-1)!.items.push(item);
  }
  return days;
}

function titleOf(date: Date, now: Date): string {
  const midnight = (each: Date) => new Date(each.getFullYear(), each.getMonth(), each.getDate()).getTime();
  const back = Math.round((midnight(now) - midnight(date)) / DAY_MS);
  if (back <= 0) return "Today";
  if (back === 1) return "Yesterday";
  const sameYear = date.getFullYear() === now.getFullYear();
  return date.toLocaleDateString(undefined, {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: sameYear ? undefined : "numeric",
  });
}

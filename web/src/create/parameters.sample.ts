/** The parameters as the service lists them (GET /api/v1/models), for tests. */

import type { Parameter } from "../api/types";
import listed from "./parameters.sample.json";

export const PARAMETERS = listed as Parameter[];

export { type GateReporting, gateReporting } from "./gate-reporting.ts";
export { type ReportAnswer, readReports } from "./read-reports.ts";

export { createRepository } from "./create-repository.ts";
export { type OpenedFactoryRepo, openFactoryRepo } from "./factory-repo.ts";
export { type LandObstacle, type LandPlan, type LandSpec, planLanding } from "./land.ts";
export { openBundle, openRecordRepo, type RecordRepo } from "./record-repo.ts";
export { openSourceRepo } from "./source-repo.ts";

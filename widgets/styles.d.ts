declare module "*.css" {
  const text: string;
  export default text;
}
/** The bundle of playground/worker.js, put in by `make widgets`. */
declare const WORKER_SOURCE: string;

/** Where requests are counted, by the row of the route table that answered and never by what was in their path. */
export interface RequestMeter {
  /** `route` is `Route.path`, or `none`. */
  request(route: string, method: string, status: number, seconds: number): void;
  /** Everything counted so far, in Prometheus' text format 0.0.4. */
  text(): Promise<string>;
}

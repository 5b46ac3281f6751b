// prom-client is kept: text format, histograms and the process's own figures are all it does, and everybody's dashboards know it.
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { CountersignError } from '@countersign/client/tuf';
import type { Collections, Meter, Published, PublishRequest, Signer } from './collection/index.js';
import type { RequestMeter } from './http/meter.js';

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * What `/metrics` shows of one server. Every label has a bounded set of values, all of them in this program: routes, methods,
 * statuses, error codes. No name that somebody outside chose is one, nor anything from a request or a file.
 */
export class Metrics implements RequestMeter, Meter {
  readonly #registry = new Registry();
  readonly #requests = this.#counter('http_requests_total', 'Requests answered.', ['route', 'method', 'status']);
  readonly #durations = this.#histogram('http_request_duration_seconds', 'Until an answer was sent.', [
    'route',
    'method',
  ]);
  readonly #publishes = this.#counter('publishes_total', 'Publishes: what became of them.', ['outcome']);
  readonly #publishing = this.#histogram('publish_duration_seconds', 'From a whole upload to its answer.', ['outcome']);
  readonly #renewals = this.#counter('renewals_total', 'Renewals of signed timestamps.', ['cause', 'outcome']);
  readonly #signing = this.#histogram('signer_duration_seconds', 'Waiting for the signer.', ['operation', 'outcome']);

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  request(route: string, method: string, status: number, seconds: number): void {
    const known = METHODS.has(method) ? method : 'other';
    this.#requests.inc({ route, method: known, status });
    this.#durations.observe({ route, method: known }, seconds);
  }

  renewal(cause: 'job' | 'reader', outcome: 'done' | 'failed'): void {
    this.#renewals.inc({ cause, outcome });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** `collections`, with its publishes counted. */
  publishesOf(collections: Collections): Collections {
    const publish = async (request: PublishRequest): Promise<Published> => {
      const end = this.#publishing.startTimer();
      const done = (outcome: string): void => {
        end({ outcome });
        this.#publishes.inc({ outcome });
      };
      try {
        const published = await collections.publish(request);
        done(published.repeated ? 'repeated' : 'published');
        return published;
      } catch (error) {
        done(codeOf(error));
        throw error;
      }
    };
    return { ...collections, publish };
  }

  /** `signer`, with the time it takes. */
  latencyOf(signer: Signer): Signer {
    return {
      createKey: (...asked) => this.#timed('create-key', () => signer.createKey(...asked)),
      deleteKey: (id) => this.#timed('delete-key', () => signer.deleteKey(id)),
      sign: (request) => this.#timed('sign', () => signer.sign(request)),
      ping: () => this.#timed('ping', () => signer.ping()),
    };
  }

  /** Lets go of what it watches. */
  close(): void {
    this.#registry.clear();
  }

  async #timed<T>(operation: string, run: () => Promise<T>): Promise<T> {
    const end = this.#signing.startTimer({ operation });
    try {
      const result = await run();
      end({ outcome: 'done' });
      return result;
    } catch (error) {
      end({ outcome: codeOf(error) });
      throw error;
    }
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `countersign_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, labelNames: string[]): Histogram {
    return new Histogram({
      name: `countersign_${name}`,
      help,
      labelNames,
      buckets: SECONDS,
      registers: [this.#registry],
    });
  }
}

function codeOf(error: unknown): string {
  return error instanceof CountersignError ? error.code : 'internal';
}

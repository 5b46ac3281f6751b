// jose, since checking a JWT by hand is how holes are made: it has no dependencies, and of it we use nothing that fetches.
import { errors, jwtVerify, type JWTPayload } from 'jose';
import { CountersignError, type Instant } from '@countersign/client/tuf';
import { Unauthorized, type Access, type Asking, type Authorizer, type Caller } from './authorizer.js';
import type { Bundle } from './bundle.js';
import { challenge, type Issuer, type TokenFault } from './challenge.js';
import { trustedKey } from './token-key.js';

/** No symmetric algorithm, and not `none`: the certificates in the bundle are public. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];
/** Seconds that the clocks of token server and server may differ. */
const LEEWAY = 60;
/** Characters. Node bounds all headers of a request together by 16 KiB. */
const MAX_HEADER = 12 * 1024;
const MAX_GRANTS = 100;
const MAX_SUBJECT = 200;

export interface TokenAuthorizerOptions {
  readonly issuer: string;
  readonly service: string;
  /** Where clients get tokens, or `host`: from the host they asked for. */
  readonly realm: { readonly url: string } | 'host';
  /** The bundle of the moment. */
  readonly bundle: () => Bundle;
  readonly clock: () => Instant;
}

/** Lets in who brings a token as Docker's registries take it: a JWT that an issuer in the bundle signed for this service. */
export class TokenAuthorizer implements Authorizer {
  readonly #options: TokenAuthorizerOptions;

  constructor(options: TokenAuthorizerOptions) {
    this.#options = options;
  }

  async authorize(asking: Asking, access: Access): Promise<Caller> {
    const refuse = (message: string, fault?: TokenFault): Unauthorized =>
      new Unauthorized(message, { challenge: challenge(this.#issuer(asking), access, fault), access });
    const { authorization = '' } = asking;
    const bearer = /^bearer +(?<token>[^ ]+) *$/iu.exec(authorization.slice(0, MAX_HEADER + 1));
    if (bearer === null) throw refuse('authentication is required');
    if (authorization.length > MAX_HEADER) throw refuse('the token is too long', 'invalid_token');
    const claims = await this.#claims(bearer.groups?.['token'] ?? '').catch((error: unknown) => {
      throw refuse(reason(error), 'invalid_token');
    });
    if (!grants(claims.access, access)) throw refuse('the token does not allow this', 'insufficient_scope');
    return { subject: typeof claims.sub === 'string' ? claims.sub.slice(0, MAX_SUBJECT) : undefined };
  }

  #issuer({ host = '' }: Asking): Issuer {
    const { realm, service } = this.#options;
    return { realm: realm === 'host' ? `https://${host}/auth/token` : realm.url, service };
  }

  async #claims(token: string): Promise<Claims> {
    const { issuer, service, bundle, clock } = this.#options;
    const now = clock();
    const { payload, protectedHeader } = await jwtVerify(
      token,
      (hints) => trustedKey(hints, bundle(), now) ?? fail('the token is signed with a key that is not trusted'),
      {
        algorithms: ALGORITHMS,
        issuer,
        audience: service,
        requiredClaims: ['exp'],
        clockTolerance: LEEWAY,
        currentDate: new Date(now),
      },
    );
    const { typ } = protectedHeader;
    if (typ !== undefined && typ.toUpperCase() !== 'JWT') fail('the token is of another type');
    // jose takes one of several audiences; Docker's registries never did.
    if (payload.aud !== service) fail('the token is for another service');
    return { sub: payload.sub, access: readGrants(payload) };
  }
}

interface Grant {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly unknown[];
}

interface Claims {
  readonly sub: unknown;
  readonly access: readonly Grant[];
}

function readGrants({ access = [] }: JWTPayload): readonly Grant[] {
  if (access === null) return [];
  if (!Array.isArray(access)) return fail('the token has no list of accesses');
  if (access.length > MAX_GRANTS) return fail(`the token has more than ${MAX_GRANTS} accesses`);
  return access.map((entry: unknown) => {
    const { type, name, actions } = { ...(entry as Readonly<Record<string, unknown>> | null) };
    if (typeof type === 'string' && typeof name === 'string' && Array.isArray(actions)) return { type, name, actions };
    return fail('the token has an access that cannot be read');
  });
}

function grants(granted: readonly Grant[], { type, name, actions }: Access): boolean {
  const mine = granted.filter((grant) => grant.type === type && grant.name === name);
  return actions.every((action) => mine.some((grant) => grant.actions.includes(action) || grant.actions.includes('*')));
}

function fail(why: string): never {
  throw new CountersignError('unauthorized', why);
}

/** What is wrong with a token, in our words: those of an error may quote it. */
function reason(error: unknown): string {
  if (error instanceof CountersignError) return error.message;
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'the token is signed with an algorithm that is not allowed';
  if (error instanceof errors.JWTClaimValidationFailed) return CLAIMS.get(error.claim) ?? 'the token has a wrong claim';
  if (error instanceof errors.JWSSignatureVerificationFailed) return "the token's signature is wrong";
  return 'the token cannot be read';
}

const CLAIMS: ReadonlyMap<string, string> = new Map([
  ['iss', 'the token is from another issuer'],
  ['aud', 'the token is for another service'],
  ['exp', 'the token says not when it expires'],
  ['nbf', 'the token is not valid yet'],
]);

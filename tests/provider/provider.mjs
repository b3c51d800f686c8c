// An OpenID Provider that is nobody's idea of ours: node provider.mjs, with one line of JSON on standard input:
// {"client_id", "redirect_uri", "post_logout_redirect_uri", "backchannel_logout_uri", "jwks", "person"}.
// Prints its issuer when it answers. Whoever comes is logged in as the person, at ID-porten's highest level.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Provider } from "oidc-provider";

const told = JSON.parse(await text(process.stdin));
const HIGH = "idporten-loa-high";
const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "the-provider's", use: "sig", alg: "RS256" }] },
  clients: [
    {
      client_id: told.client_id,
      redirect_uris: [told.redirect_uri],
      post_logout_redirect_uris: [told.post_logout_redirect_uri],
      backchannel_logout_uri: told.backchannel_logout_uri,
      backchannel_logout_session_required: true,
      require_auth_time: true,
      response_types: ["code"],
      grant_types: ["authorization_code"],
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "RS256",
      jwks: told.jwks,
    },
  ],
  acrValues: ["idporten-loa-substantial", HIGH],
  claims: { openid: ["sub", "pid"], acr: null, auth_time: null, sid: null },
  conformIdTokenClaims: false,
  cookies: { keys: ["of no worth"], long: { sameSite: "none" } },
  enableHttpPostMethods: true,
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
    rpInitiatedLogout: { enabled: true },
  },
  // Without the dispatcher with which it refuses to call this machine, where the test listens.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, pid: told.person }) }),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  async loadExistingGrant(ctx) {
    const { client, session } = ctx.oidc;
    const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid");
    await grant.save();
    return grant;
  },
  pkce: { required: () => true },
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/interaction/")) return next();
  ctx.respond = false;
  await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: "a-person", acr: HIGH, amr: ["BankID"] } });
});
server.on("request", provider.callback());
console.log(issuer);

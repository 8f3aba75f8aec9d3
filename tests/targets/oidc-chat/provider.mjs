// A sign-in service of its own, at another site than the app. Ends with its standard input.
import { createServer } from "node:http";
import { once } from "node:events";
import { pathToFileURL } from "node:url";

const { default: Provider } = await import(pathToFileURL(process.env.MODULES + "/oidc-provider/lib/index.js"));
const { OP_PORT, APP_ADDRESS, APP_USER, APP_PASSWORD } = process.env;

const provider = new Provider(`http://localhost:${OP_PORT}`, {
  clients: [{
    client_id: "desk", client_secret: "only-for-tests-on-loopback", client_name: "Water board",
    redirect_uris: [APP_ADDRESS + "/callback"], response_types: ["code"], grant_types: ["authorization_code"],
  }],
  claims: { openid: ["sub"], email: ["email"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: id }) }),
  cookies: { keys: ["only-for-tests-on-loopback"] },
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => false },
  interactions: { url: (_, interaction) => "/interaction/" + interaction.uid },
});

const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<style>body { font-family: sans-serif; max-width: 24rem; margin: 4rem auto } label, input { display: block; margin: .4rem 0 }</style><h1>${title}</h1>${body}`;
const form = (uid, said = "") => page("Citizen account", `<p role="alert">${said}</p>
<form method="post" action="/interaction/${uid}/login"><label>E-mail<input name="login" type="email" required></label>
<label>Password<input name="password" type="password" required></label><button>Continue</button></form>
<a href="/interaction/${uid}/abort">Back to the app</a>`);
const consent = (uid, client) => page("Authorize " + client, `<p>${client} wants to: know who you are, read your e-mail address</p>
<form method="post" action="/interaction/${uid}/abort"><button>Cancel</button></form>
<form method="post" action="/interaction/${uid}/confirm"><button>Continue</button></form>`);

const server = createServer(async (request, response) => {
  const [, place, uid, step] = new URL(request.url, "http://x").pathname.split("/");
  if (place !== "interaction") return provider.callback()(request, response);
  const show = (text, status = 200) => { response.writeHead(status, { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" }).end(text); };
  try {
    const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
    const client = (await provider.Client.find(params.client_id)).clientName;
    if (request.method === "GET" && !step) return show(prompt.name === "login" ? form(uid) : consent(uid, client));
    if (step === "abort") {
      return await provider.interactionFinished(request, response, { error: "access_denied", error_description: "the person went back" });
    }
    let body = "";
    request.on("data", (part) => { body += part; });
    await once(request, "end");
    if (step === "login") {
      const given = new URLSearchParams(body);
      if (given.get("login") !== APP_USER || given.get("password") !== APP_PASSWORD) return show(form(uid, "We do not know this e-mail address and password."));
      return await provider.interactionFinished(request, response, { login: { accountId: APP_USER } });
    }
    const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(" "));
    if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims);
    return await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
  } catch (error) {
    show(page("Something went wrong", String(error.message)), 400);
  }
});
server.listen(Number(OP_PORT), "127.0.0.1");
process.stdin.on("end", () => process.exit(0)).resume();

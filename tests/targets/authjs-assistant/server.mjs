// A page bundled with esbuild, behind Auth.js as its documentation has it for Express.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { MODULES, MODEL, DATA, PORT, APP_USER, APP_PASSWORD } = process.env;
const load = (path) => import(pathToFileURL(`${MODULES}/${path}`));
const { default: express } = await load("express/index.js");
const { ExpressAuth, getSession } = await load("@auth/express/index.js");
const { default: Credentials } = await load("@auth/express/providers/credentials.js");
const { default: GitHub } = await load("@auth/express/providers/github.js");
const { stream } = await import(pathToFileURL(MODEL));

const built = spawnSync(`${MODULES}/.bin/esbuild`, [
  new URL("page.jsx", import.meta.url).pathname, "--bundle", "--minify", "--jsx=automatic", "--log-level=warning",
  '--define:process.env.NODE_ENV="production"', `--outfile=${DATA}/page.js`,
], { stdio: "inherit", env: { ...process.env, NODE_PATH: MODULES } });
if (built.status !== 0) process.exit(1);

const settings = {
  secret: "only-for-tests-on-loopback", trustHost: true,
  providers: [
    GitHub({ clientId: "nobody", clientSecret: "nothing" }),
    Credentials({
      credentials: { email: { label: "E-mail", type: "email" }, password: { label: "Password", type: "password" } },
      authorize: ({ email, password }) => (email === APP_USER && password === APP_PASSWORD ? { id: "1", name: "Ruth", email } : null),
    }),
  ],
};
const app = express();
app.set("trust proxy", true);
app.use("/auth", ExpressAuth(settings));

async function members(request, response, next) {
  response.locals.session = await getSession(request, settings);
  if (response.locals.session) return next();
  if (request.method === "GET") return response.redirect("/auth/signin");
  response.status(401).json({ error: "sign in first" });
}
app.get("/", members, (_, response) => response.type("html").send(readFileSync(new URL("page.html", import.meta.url))));
app.get("/page.js", members, (_, response) => response.type("js").send(readFileSync(`${DATA}/page.js`)));
app.post("/api/chat", members, express.json({ limit: "1mb" }), async (request, response) => {
  response.type("application/x-ndjson");
  for await (const piece of stream(request.body.messages.filter((turn) => turn.role === "user").map((turn) => turn.text))) {
    if (response.closed) break;
    response.write(JSON.stringify({ type: "text-delta", delta: piece }) + "\n");
  }
  response.end(JSON.stringify({ type: "finish", reason: "stop" }) + "\n");
});
app.listen(Number(PORT), "127.0.0.1");

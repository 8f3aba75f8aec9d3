// Passport's local strategy with flash messages, and rooms over socket.io for those who are signed in.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { MODULES, MODEL, PORT, APP_USER, APP_PASSWORD } = process.env;
const require = createRequire(`${MODULES}/x.js`);
const [express, session, passport, flash] = ["express", "express-session", "passport", "connect-flash"].map(require);
const { Strategy } = require("passport-local");
const { Server } = require("socket.io");
const { csrfSync } = require("csrf-sync");
const { stream } = await import(pathToFileURL(MODEL));

passport.use(new Strategy({ usernameField: "email" }, (email, password, done) =>
  email === APP_USER && password === APP_PASSWORD ? done(null, { id: email }) : done(null, false, { message: "Incorrect email or password." })));
passport.serializeUser((user, done) => done(null, user.id));
passport.deserializeUser((id, done) => done(null, { id }));
const { generateToken, csrfSynchronisedProtection } = csrfSync({ getTokenFromRequest: (request) => request.body._csrf });

const app = express();
const sessions = session({ secret: "only-for-tests-on-loopback", resave: false, saveUninitialized: false });
app.use(sessions, express.urlencoded({ extended: false }), flash(), passport.session());
const frame = (body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Pascal's workshop</title><link rel="stylesheet" href="/style.css"><main class="card"><h1>Pascal's workshop</h1>${body}</main>`;
app.get("/style.css", (_, response) => response.type("css").send(`
  body { font-family: sans-serif; margin: 0; background: #f4f4f4 } .card { width: 22rem; margin: 4rem auto; background: #fff; padding: 2rem; border-radius: .5rem }
  .card a.way, .card button { display: block; box-sizing: border-box; width: 100%; padding: .75rem; margin: .5rem 0; border: 1px solid #999; border-radius: .4rem; background: #fff; color: #111; text-align: center; text-decoration: none; font: inherit }
  .card input { display: block; width: 100%; box-sizing: border-box; padding: .6rem; margin: .25rem 0 1rem } .flash { background: #fdd; padding: .5rem }`));
app.get("/login", (request, response) => request.user ? response.redirect("/") : response.send(frame(`<p>Welcome! Choose how to go on.</p>
  <a class="way" href="/auth/google">Continue with Google</a><a class="way" href="/auth/apple">Continue with Apple</a>
  <a class="way" href="/login/email">Continue with e-mail</a><p><small>By continuing you accept the <a href="/terms">terms of use</a>.</small></p>`)));
app.get("/login/email", (request, response) => {
  const told = request.flash("error").map((each) => `<div class="flash">${each}</div>`).join("");
  response.send(frame(`${told}<form method="post" action="/login/email"><input type="hidden" name="_csrf" value="${generateToken(request)}">
    <label>E-mail <input name="email" autocomplete="email"></label><label>Password <input name="password" type="password"></label><button>Continue</button></form><a href="/login">Other ways</a>`));
});
app.post("/login/email", csrfSynchronisedProtection, passport.authenticate("local", { successRedirect: "/", failureRedirect: "/login/email", failureFlash: true }));
app.get("/logout", (request, response, next) => request.logout((error) => (error ? next(error) : response.redirect("/login"))));

app.use((request, response, next) => (request.user ? next() : response.redirect("/login")));
app.get("/", (_, response) => response.type("html").send(readFileSync(new URL("page.html", import.meta.url))));
app.get("/chat.js", (_, response) => response.type("js").send(readFileSync(`${MODULES}/vue-advanced-chat/dist/vue-advanced-chat.umd.js`)));

const server = createServer(app);
const io = new Server(server, { maxHttpBufferSize: 1e7 });
io.engine.use(sessions);
io.use((socket, next) => (socket.request.session?.passport?.user ? next() : next(new Error("sign in first"))));
io.on("connection", (socket) => {
  const asked = [];
  let number = 0;
  socket.on("message", async (text) => {
    asked.push(text);
    const id = `answer-${++number}`;
    socket.emit("typing", true);
    for await (const piece of stream([...asked])) socket.emit("piece", { id, piece });
    socket.emit("typing", false);
  });
});
server.listen(Number(PORT), "127.0.0.1");

const { MODULES, APP_USER, APP_PASSWORD } = process.env;
const bcrypt = require(`${MODULES}/bcryptjs`);

module.exports = {
  uiHost: "127.0.0.1",
  credentialSecret: "only-for-tests-on-loopback",
  adminAuth: { type: "credentials", users: [{ username: APP_USER, password: bcrypt.hashSync(APP_PASSWORD, 8), permissions: "*" }] },
  telemetry: { enabled: false, updateNotification: false },
};

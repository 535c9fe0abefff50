// What a person does in Thunderbird, as functions of its window. Sent to it by program.py, which calls one of them.
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { MailUtils } = ChromeUtils.importESModule("resource:///modules/MailUtils.sys.mjs");
const { event: mouse } = ChromeUtils.importESModule("chrome://remote/content/shared/webdriver/Event.sys.mjs");
const { cal } = ChromeUtils.importESModule("resource:///modules/calendar/calUtils.sys.mjs");

const mainWindow = () => Services.wm.getMostRecentWindow("mail:3pane");

// Whether the program has done all that it does at its start, and its account and calendar are there.
function ready() {
  return Boolean(mainWindow()?.gMailInit?.delayedStartupFinished && cal.manager.getCalendars().length && server());
}

// An authority whose certificates are believed from now on, as base64 without its dashes.
function trust(authority) {
  const certificates = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
  certificates.addCertFromBase64(authority, "CT,,");
}

async function keepPassword(origin, user, password) {
  const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
  login.init(origin, null, origin, user, password, "", "");
  await Services.logins.addLoginAsync(login);
}

function server() {
  return MailServices.accounts.allServers.find((each) => each.type === "imap");
}

function inbox() {
  return server().rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
}

// Ask the mail server for its folders. Until it has told them all, the inbox comes and goes.
function discover() {
  inbox()?.updateFolder(null);
}

function discovered(folders) {
  const known = server().rootFolder.descendants.map((folder) => folder.name);
  return Boolean(inbox() && folders.every((name) => known.includes(name)));
}

function letter(messageId) {
  return inbox().msgDatabase.getMsgHdrForMessageID(messageId);
}

// "Get messages"; whether the letter is there by now.
function fetched(messageId) {
  inbox().updateFolder(null);
  return Boolean(letter(messageId));
}

function open(messageId) {
  const tabmail = mainWindow().document.getElementById("tabmail");
  tabmail.closeOtherTabs(tabmail.tabInfo[0]);
  MailUtils.openMessageInNewTab([letter(messageId)]);
}

function message() {
  return mainWindow().document.getElementById("tabmail").currentAboutMessage;
}

// The bar above an invitation: what it says, and the buttons it offers; null while it is not shown.
function bar() {
  const bar = message()?.document.querySelector(".calendar-notification-bar");
  if (!bar || bar.collapsed) {
    return null;
  }
  const shown = [...message().document.querySelectorAll("#imip-view-toolbar > toolbarbutton")].filter(
    (button) => !button.hidden && button.getBoundingClientRect().width
  );
  return {
    says: bar.querySelector(".msgNotificationBarText").textContent,
    offers: shown.map((button) => button.id),
  };
}

// The mouse, pressed and released over the left end of a button: on its right may be the arrow of a menu.
function press(id) {
  const window = message();
  const button = window.document.getElementById(id);
  const { x, y, height } = button.getBoundingClientRect();
  const under = window.document.elementFromPoint(x + 8, y + height / 2);
  if (!button.contains(under)) {
    throw new Error(`${id} is covered by ${under?.id}`);
  }
  for (const type of ["mousedown", "mouseup"]) {
    mouse.synthesizeMouseAtPoint(x + 8, y + height / 2, { type }, window);
  }
}

// What the calendar holds of this UID; null for nothing.
async function entry(uid) {
  for (const calendar of cal.manager.getCalendars()) {
    const item = await calendar.getItem(uid);
    if (item) {
      const instant = (moment) => new Date(moment.nativeTime / 1000).toISOString();
      return {
        starts_at: instant(item.startDate),
        ends_at: instant(item.endDate),
        sequence: Number(item.getProperty("SEQUENCE")),
        status: item.status,
        summary: item.title,
        partstats: item.getAttendees().map((attendee) => [attendee.id, attendee.participationStatus]),
      };
    }
  }
  return null;
}

function quit() {
  Services.startup.quit(Ci.nsIAppStartup.eForceQuit);
}

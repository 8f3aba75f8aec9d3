//! The list of shapes: how a person signs in, types, and sees the answer, for each app that the site serves.
//!
//! Only descriptions; the pages are in `assets/`, the servers behind them in `login`, `chat` and `answers`.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$one:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$one])* $variant,)* }
        impl $name {
            /// The word by which the page's script knows it.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// How a person signs in.
    Login {
        /// No login at all.
        None = "none",
        /// A form with labels, autocomplete and a CSRF token, answered by a new page. Wrong: `role=alert`.
        Classic = "classic",
        /// Inputs in no form, named by `aria-label` alone; a plain button and a script. Wrong: plain text.
        Bare = "bare",
        /// E-mail page, then password page, both with a decoy search form and a newsletter form. Wrong: `role=alert`.
        TwoPages = "two-pages",
        /// The password field unfolds after the name was sent; in German. Wrong: plain text.
        Unfold = "unfold",
        /// One password and no name. Wrong: plain text.
        Code = "code",
        /// Tabs in Spanish: three password inputs of which one is visible, and a trap field off screen that refuses the login when filled.
        Tabs = "tabs",
        /// A show-password button without type beside the submit button, and a button for single sign-on before it.
        Eye = "eye",
        /// A dialog made by script shortly after a landing page has loaded; controlled inputs.
        Dialog = "dialog",
        /// The same dialog, made only when "Log in" in the header is pressed.
        DialogAsked = "dialog-asked",
        /// A single-page app that keeps its token in local storage and sets no cookie.
        Token = "token",
        /// The form lives in an iframe of the same origin.
        Frame = "frame",
        /// The form lives in an iframe of another site; it hands a token to the page around it.
        ForeignFrame = "foreign-frame",
        /// A button opens a window of another site with the form; it hands a token to the page, and closes.
        Window = "window",
        /// The form lives in nested open shadow roots.
        Shadow = "shadow",
        /// Password page, then a page that asks for six digits sent by e-mail ([`crate::Site::code`]).
        MailCode = "mail-code",
    }
}

words! {
    /// Where a person types.
    Input {
        /// A textarea and an icon button that has no name.
        TextareaIcon = "textarea-icon",
        /// A textarea; Enter sends; no button.
        TextareaEnter = "textarea-enter",
        /// A `contenteditable` with role textbox and a button "Send".
        Editable = "editable",
        /// A single-line input; Enter sends; no button, no form.
        Line = "line",
        /// A `contenteditable` in a shadow root inside a shadow root.
        Shadow = "shadow",
        /// Everything in closed shadow roots, the field in the fourth: two on custom elements, two on plain ones.
        Closed = "closed",
        /// A code editor that is drawn: a tiny, transparent text area takes the keys and is emptied again, and only the lines in view are there.
        Drawn = "drawn",
        /// A code editor without any field: an `EditContext`, and lines that are drawn out of order.
        Context = "context",
        /// A textarea in a form; the button is disabled until something is typed and turns into a stop button.
        Toggle = "toggle",
    }
}

words! {
    /// How the answer travels.
    Transport {
        /// `fetch`, `text/event-stream`, JSON deltas as in OpenAI's API.
        SseDelta = "sse-delta",
        /// `fetch`, `text/event-stream`, each event holds the whole text so far.
        SseCumulative = "sse-cumulative",
        /// `EventSource` with named events.
        EventSource = "event-source",
        /// `fetch`, one JSON object for each line.
        Ndjson = "ndjson",
        /// WebSocket, JSON in text frames, heartbeats in between.
        WsText = "ws-text",
        /// WebSocket, binary frames: operation, then UTF-8.
        WsBinary = "ws-binary",
        /// `XMLHttpRequest` again and again, each with the text so far.
        Poll = "poll",
        /// One `XMLHttpRequest` that brings the whole answer.
        Whole = "whole",
        /// As `Whole`, then typed out by a timer.
        Typed = "typed",
        /// Polled, each block of the answer as a message of its own.
        Several = "several",
        /// WebSocket with the frames of Socket.IO.
        SocketIo = "socket-io",
    }
}

words! {
    /// How the page shows that the answer is still coming.
    Busy {
        /// A stop button is there.
        StopButton = "stop-button",
        /// Field and button are disabled.
        ComposerDisabled = "composer-disabled",
        /// `aria-busy` on the message.
        AriaBusy = "aria-busy",
        /// An SVG spinner animated by SMIL.
        SvgSpinner = "svg-spinner",
        /// A blinking cursor made by a CSS animation.
        CssCursor = "css-cursor",
        /// Nothing at all.
        Nothing = "nothing",
    }
}

words! {
    /// The markup of the messages.
    Skin {
        /// `div`s with speaking class names.
        Bubbles = "bubbles",
        /// `article`s in a `main`.
        Articles = "articles",
        /// `div`s with meaningless class names, nothing to tell the two sides apart but place and colour.
        Hashed = "hashed",
        /// A list in a `role=log` region.
        Log = "log",
    }
}

words! {
    /// What else the page does.
    Look {
        /// Author names, time stamps, and copy and rating buttons around messages.
        Furniture = "furniture",
        /// Headings for screen readers ("You said:") before each message.
        SrOnly = "sr-only",
        /// Code blocks have a bar with language and copy button, and line numbers.
        CodeBar = "code-bar",
        /// Questions are repeated in a list beside the chat and in the title.
        SideHistory = "side-history",
        /// The whole list is rebuilt by `innerHTML` at every piece.
        Rerender = "rerender",
        /// A greeting stands as first message.
        Welcome = "welcome",
        /// A large heading, and a composer that is thrown away and made anew after the first question.
        Landing = "landing",
        /// A dialog covers the page until it is closed.
        WelcomeDialog = "welcome-dialog",
        /// A cookie notice lies over field and send button until it is answered.
        CookieNotice = "cookie-notice",
        /// Newest message first in the document, turned round by CSS.
        ColumnReverse = "column-reverse",
        /// Only the last three messages are in the document.
        Virtual = "virtual",
        /// Conversations are kept by the server under `/c/<id>` and shown again after a reload.
        Kept = "kept",
        /// A search box above the chat.
        Search = "search",
        /// "Thinking…" stands where the answer will be.
        Thinking = "thinking",
        /// Buttons with follow-up questions appear after an answer.
        Chips = "chips",
        /// The chat is put into the page more than a second after it has loaded.
        Late = "late",
        /// The chat is in an iframe of the same origin.
        Frame = "frame",
        /// The chat is in an iframe of another site.
        ForeignFrame = "foreign-frame",
        /// The chat is in an iframe of another origin of the same site.
        PortFrame = "port-frame",
        /// Nothing but a bubble in the corner; pressed, it opens the chat in an iframe of another site.
        Widget = "widget",
        /// Nothing but a button by name; pressed, it opens the chat in the page, and pressed again it closes it.
        Launcher = "launcher",
        /// With [`Look::Launcher`]: what opens is a greeting, whose button begins the conversation.
        LauncherSteps = "launcher-steps",
        /// Nothing but a button by name; pressed, it opens the chat in a tab of its own.
        Tab = "tab",
        /// Code in answers can be edited in place.
        EditableCode = "editable-code",
        /// Code in answers stands in editors of their own, with line numbers, their language above and buttons below.
        LiveCode = "live-code",
        /// Questions are drawn as the Markdown that they may be.
        DrawnQuestions = "drawn-questions",
        /// What messages say stands in elements that have no box of their own.
        Boxless = "boxless",
        /// The box is made anew after each question, with another id.
        NewBox = "new-box",
        /// Each message is declared as an alert.
        AlertMessages = "alert-messages",
        /// What goes to the server and comes back passes through a worker of the page.
        Worker = "worker",
        /// A question may have so many letters and no more.
        Short = "short",
        /// A paper clip beside the box, with a hidden field for pictures behind it; another such field elsewhere.
        Attach = "attach",
        /// A plus beside the box opens a menu, one entry of which asks for a file.
        AttachMenu = "attach-menu",
        /// An image of the page never finishes loading.
        NeverLoaded = "never-loaded",
        /// A button "New chat" empties the conversation.
        NewChat = "new-chat",
        /// As [`Look::NewChat`], but without loading the page again, and only after asking whether that is meant.
        NewChatAsks = "new-chat-asks",
        /// The page opens the last conversation when it is loaded.
        Reopens = "reopens",
        /// Bold and italic are drawn by style alone, on elements that mean nothing.
        StyledMarks = "styled-marks",
        /// The box can be typed into well before the connection stands: what is sent until then is lost.
        LateConnection = "late-connection",
        /// Error messages are plain text with no role.
        QuietErrors = "quiet-errors",
        /// The chat is an `aside`, and its messages stand in an assertive live region.
        Aside = "aside",
        /// A select with the page's models, behind one with languages.
        ModelSelect = "model-select",
        /// A button that shows the model and opens a menu with others, each with a line about it; an account's menu stands beside it.
        ModelMenu = "model-menu",
        /// The connection that brings the answer breaks in the middle, and another brings the rest.
        Reconnects = "reconnects",
        /// A message that is whole is taken out, and stands in another element at the end of the list.
        ReplacedAtEnd = "replaced-at-end",
        /// The page shows a draft, throws it away, and begins again.
        Regenerates = "regenerates",
        /// Half an answer comes; the rest has to be asked for by a button.
        Continues = "continues",
        /// The send button stands before the box, above it.
        SendFirst = "send-first",
        /// The send button is no button by its element, and is named by another word.
        SendOther = "send-other",
        /// Enter begins a new line; only the button sends.
        EnterBreaks = "enter-breaks",
        /// A tour of two steps lies over the page.
        Tour = "tour",
        /// The chat is a narrow panel at the right, beside a page of text.
        SidePanel = "side-panel",
        /// A second box, which takes what is typed and answers nothing.
        Decoy = "decoy",
        /// Questions stand in one column, answers in another beside it.
        Columns = "columns",
        /// Errors are said in a message like an answer.
        ErrorBubble = "error-bubble",
        /// Errors are said below the question, in plain text that no role tells from an answer.
        ErrorLine = "error-line",
        /// The answer before stands under a new question until the new one begins.
        StaleFirst = "stale-first",
        /// The chat is shown to whoever comes; only its server knows that nobody is signed in.
        FalseInside = "false-inside",
        /// Who is not signed in is offered to.
        SignInLink = "sign-in-link",
        /// The box keeps the question until the server has taken it, seconds later; a second press meanwhile asks again.
        LateAcknowledgement = "late-acknowledgement",
    }
}

/// One app.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Short name; the app lives under `/<name>/`.
    pub name: &'static str,
    /// What this shape is for.
    pub about: &'static str,
    /// How a person signs in.
    pub login: Login,
    /// Where a person types.
    pub input: Input,
    /// How the answer travels.
    pub transport: Transport,
    /// How the page shows that the answer is still coming.
    pub busy: Busy,
    /// The markup of the messages.
    pub skin: Skin,
    /// What else the page does.
    pub looks: &'static [Look],
}

impl Shape {
    /// Whether the page has this look.
    pub fn looks(&self, look: Look) -> bool {
        self.looks.contains(&look)
    }
}

/// The shape of this name.
pub fn find(name: &str) -> Option<&'static Shape> {
    crate::shapes::SHAPES
        .iter()
        .find(|shape| shape.name == name)
}

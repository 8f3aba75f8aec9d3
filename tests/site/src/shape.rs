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
        /// Nothing but a button by name; pressed, it opens the chat in a tab of its own.
        Tab = "tab",
        /// Code in answers can be edited in place.
        EditableCode = "editable-code",
        /// What goes to the server and comes back passes through a worker of the page.
        Worker = "worker",
        /// A question may have so many letters and no more.
        Short = "short",
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
    SHAPES.iter().find(|shape| shape.name == name)
}

/// Every app that the site serves, the easiest first.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "classic-sse",
        about: "the easy case: labelled form, textarea and button, OpenAI-like stream, stop button",
        login: Login::Classic,
        input: Input::TextareaIcon,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[Look::Welcome, Look::NewChat],
    },
    Shape {
        name: "open-sse",
        about: "the easiest case: no login, textarea and button, OpenAI-like stream, stop button",
        login: Login::None,
        input: Input::TextareaIcon,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[],
    },
    Shape {
        name: "kept-sse",
        about: "conversations are kept by the server: is the question already there after a reload?",
        login: Login::Classic,
        input: Input::TextareaIcon,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Articles,
        looks: &[
            Look::Kept,
            Look::SideHistory,
            Look::Landing,
            Look::Furniture,
            Look::NewChat,
        ],
    },
    Shape {
        name: "fresh-sse",
        about: "conversations live in the page alone; a nameless new-chat button that asks whether that is meant, and loads nothing",
        login: Login::None,
        input: Input::TextareaIcon,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[Look::Welcome, Look::NewChatAsks],
    },
    Shape {
        name: "reopening-sse",
        about: "opens the last conversation again whenever it is loaded; new chats by a button that asks",
        login: Login::Classic,
        input: Input::TextareaIcon,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Articles,
        looks: &[
            Look::Kept,
            Look::Reopens,
            Look::SideHistory,
            Look::NewChatAsks,
        ],
    },
    Shape {
        name: "two-step-ws",
        about: "two login pages with decoys; answer in WebSocket text frames; blinking cursor alone",
        login: Login::TwoPages,
        input: Input::TextareaEnter,
        transport: Transport::WsText,
        busy: Busy::CssCursor,
        skin: Skin::Log,
        looks: &[Look::Furniture, Look::Welcome],
    },
    Shape {
        name: "unfold-poll",
        about: "two login steps on one German page; polled answer; aria-busy",
        login: Login::Unfold,
        input: Input::Line,
        transport: Transport::Poll,
        busy: Busy::AriaBusy,
        skin: Skin::Bubbles,
        looks: &[Look::Search],
    },
    Shape {
        name: "bare-dom",
        about: "the poor page: inputs in no form, no send button, whole answer typed out by a timer, no sign of being busy, emphasis by style alone",
        login: Login::Bare,
        input: Input::TextareaEnter,
        transport: Transport::Typed,
        busy: Busy::Nothing,
        skin: Skin::Hashed,
        looks: &[Look::QuietErrors, Look::StyledMarks],
    },
    Shape {
        name: "shadow-eventsource",
        about: "chat in nested shadow roots, decoy search outside, EventSource, SVG spinner",
        login: Login::None,
        input: Input::Shadow,
        transport: Transport::EventSource,
        busy: Busy::SvgSpinner,
        skin: Skin::Bubbles,
        looks: &[Look::Search, Look::Welcome],
    },
    Shape {
        name: "code-ndjson",
        about: "an access code and no user name; contenteditable; NDJSON; questions repeated in a side list",
        login: Login::Code,
        input: Input::Editable,
        transport: Transport::Ndjson,
        busy: Busy::StopButton,
        skin: Skin::Articles,
        looks: &[Look::SideHistory, Look::NewChat],
    },
    Shape {
        name: "tabs-cumulative",
        about: "three password fields of which one shows, a trap field; cumulative events; the list rebuilt at each piece",
        login: Login::Tabs,
        input: Input::Toggle,
        transport: Transport::SseCumulative,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[Look::Rerender, Look::Furniture],
    },
    Shape {
        name: "eye-binary",
        about: "show-password and single sign-on buttons; binary frames; composer disabled; newest message first in the document",
        login: Login::Eye,
        input: Input::TextareaIcon,
        transport: Transport::WsBinary,
        busy: Busy::ComposerDisabled,
        skin: Skin::Hashed,
        looks: &[Look::ColumnReverse, Look::Welcome],
    },
    Shape {
        name: "dialog-whole",
        about: "login in a dialog made by script; the whole answer in one response",
        login: Login::Dialog,
        input: Input::Line,
        transport: Transport::Whole,
        busy: Busy::SvgSpinner,
        skin: Skin::Log,
        looks: &[],
    },
    Shape {
        name: "asked-dialog-ndjson",
        about: "the login dialog opens only on a press; virtual list, rebuilt at each piece, no sign of being busy",
        login: Login::DialogAsked,
        input: Input::Editable,
        transport: Transport::Ndjson,
        busy: Busy::Nothing,
        skin: Skin::Hashed,
        looks: &[Look::Virtual, Look::Rerender],
    },
    Shape {
        name: "token-sse",
        about: "single-page app, token in local storage, late rendering, an image that never loads, code blocks with bars",
        login: Login::Token,
        input: Input::Toggle,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Articles,
        looks: &[Look::Late, Look::NeverLoaded, Look::CodeBar, Look::Chips],
    },
    Shape {
        name: "several-poll",
        about: "one answer as several messages, polled, no sign of being busy",
        login: Login::None,
        input: Input::TextareaEnter,
        transport: Transport::Several,
        busy: Busy::Nothing,
        skin: Skin::Bubbles,
        looks: &[Look::Welcome, Look::Furniture],
    },
    Shape {
        name: "furnished-sse",
        about: "furniture everywhere: authors, times, buttons, screen-reader headings, code bars, thinking, chips, side list, search",
        login: Login::None,
        input: Input::Toggle,
        transport: Transport::SseDelta,
        busy: Busy::CssCursor,
        skin: Skin::Articles,
        looks: &[
            Look::Furniture,
            Look::SrOnly,
            Look::CodeBar,
            Look::Thinking,
            Look::Chips,
            Look::SideHistory,
            Look::Search,
            Look::Welcome,
        ],
    },
    Shape {
        name: "notice-eventsource",
        about: "a cookie notice lies over field and button until it is answered",
        login: Login::None,
        input: Input::TextareaIcon,
        transport: Transport::EventSource,
        busy: Busy::StopButton,
        skin: Skin::Hashed,
        looks: &[Look::CookieNotice],
    },
    Shape {
        name: "overlay-ws",
        about: "a welcome dialog covers the chat and makes it inert until it is closed",
        login: Login::None,
        input: Input::TextareaIcon,
        transport: Transport::WsText,
        busy: Busy::StopButton,
        skin: Skin::Log,
        looks: &[Look::WelcomeDialog, Look::Thinking],
    },
    Shape {
        name: "aside-late",
        about: "a help desk beside the page: the chat is an aside and a live region, and the box is emptied late",
        login: Login::None,
        input: Input::TextareaEnter,
        transport: Transport::SseDelta,
        busy: Busy::CssCursor,
        skin: Skin::Bubbles,
        looks: &[Look::Aside, Look::LateAcknowledgement],
    },
    Shape {
        name: "framed-cumulative",
        about: "login form and chat each in an iframe of the same origin",
        login: Login::Frame,
        input: Input::Toggle,
        transport: Transport::SseCumulative,
        busy: Busy::AriaBusy,
        skin: Skin::Bubbles,
        looks: &[Look::Frame, Look::Furniture],
    },
    Shape {
        name: "shadow-fields-poll",
        about: "login form in nested shadow roots",
        login: Login::Shadow,
        input: Input::TextareaIcon,
        transport: Transport::Poll,
        busy: Busy::ComposerDisabled,
        skin: Skin::Articles,
        looks: &[Look::Welcome],
    },
    Shape {
        name: "late-connection-sse",
        about: "the chat box is there well before the connection stands; what is sent until then is lost",
        login: Login::Classic,
        input: Input::TextareaEnter,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[Look::LateConnection],
    },
    Shape {
        name: "mail-code-sse",
        about: "six digits sent by e-mail are asked after the password",
        login: Login::MailCode,
        input: Input::TextareaIcon,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[],
    },
    Shape {
        name: "closed-sse",
        about: "chat in closed shadow roots, the field four deep",
        login: Login::None,
        input: Input::Closed,
        transport: Transport::SseDelta,
        busy: Busy::AriaBusy,
        skin: Skin::Bubbles,
        looks: &[Look::Search, Look::Welcome, Look::Furniture],
    },
    Shape {
        name: "foreign-frame-sse",
        about: "the chat is in an iframe of another site",
        login: Login::None,
        input: Input::Toggle,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Articles,
        looks: &[Look::ForeignFrame, Look::Furniture],
    },
    Shape {
        name: "port-frame-poll",
        about: "the chat is in an iframe of another origin of the same site",
        login: Login::None,
        input: Input::Editable,
        transport: Transport::Poll,
        busy: Busy::AriaBusy,
        skin: Skin::Bubbles,
        looks: &[Look::PortFrame, Look::Welcome],
    },
    Shape {
        name: "foreign-login-sse",
        about: "the login form is in an iframe of another site",
        login: Login::ForeignFrame,
        input: Input::TextareaIcon,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[],
    },
    Shape {
        name: "widget-ws",
        about: "a chat widget: a bubble without a word opens an iframe of another site",
        login: Login::None,
        input: Input::TextareaEnter,
        transport: Transport::WsText,
        busy: Busy::CssCursor,
        skin: Skin::Bubbles,
        looks: &[Look::Widget, Look::Welcome],
    },
    Shape {
        name: "launcher-whole",
        about: "a button of the page opens the chat",
        login: Login::None,
        input: Input::Line,
        transport: Transport::Whole,
        busy: Busy::SvgSpinner,
        skin: Skin::Log,
        looks: &[Look::Launcher],
    },
    Shape {
        name: "drawn-sse",
        about: "a code editor that is drawn, with a tiny text area; code in answers can be edited",
        login: Login::None,
        input: Input::Drawn,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Articles,
        looks: &[Look::EditableCode],
    },
    Shape {
        name: "context-ndjson",
        about: "a code editor on an EditContext, without any field",
        login: Login::None,
        input: Input::Context,
        transport: Transport::Ndjson,
        busy: Busy::CssCursor,
        skin: Skin::Bubbles,
        looks: &[Look::EditableCode],
    },
    Shape {
        name: "worker-sse",
        about: "the page's worker asks and streams",
        login: Login::None,
        input: Input::TextareaEnter,
        transport: Transport::SseDelta,
        busy: Busy::AriaBusy,
        skin: Skin::Bubbles,
        looks: &[Look::Worker],
    },
    Shape {
        name: "window-login-sse",
        about: "a button opens a window of another site with the login form",
        login: Login::Window,
        input: Input::Toggle,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[],
    },
    Shape {
        name: "tab-sse",
        about: "a button opens the chat in a tab of its own",
        login: Login::None,
        input: Input::TextareaIcon,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Articles,
        looks: &[Look::Tab],
    },
    Shape {
        name: "socket-io",
        about: "the answer in frames of Socket.IO",
        login: Login::None,
        input: Input::TextareaIcon,
        transport: Transport::SocketIo,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[Look::Welcome],
    },
    Shape {
        name: "reconnecting-eventsource",
        about: "an EventSource that breaks in the middle and goes on where it was",
        login: Login::None,
        input: Input::TextareaIcon,
        transport: Transport::EventSource,
        busy: Busy::AriaBusy,
        skin: Skin::Bubbles,
        looks: &[Look::Reconnects],
    },
    Shape {
        name: "replaced-sse",
        about: "an answer that is whole is shown anew in another element",
        login: Login::None,
        input: Input::Toggle,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[Look::ReplacedAtEnd],
    },
    Shape {
        name: "replaced-typed",
        about: "the same, read from the page alone",
        login: Login::None,
        input: Input::TextareaEnter,
        transport: Transport::Typed,
        busy: Busy::CssCursor,
        skin: Skin::Hashed,
        looks: &[Look::ReplacedAtEnd],
    },
    Shape {
        name: "regenerating-ndjson",
        about: "a draft is shown and thrown away before the answer comes",
        login: Login::None,
        input: Input::Editable,
        transport: Transport::Ndjson,
        busy: Busy::StopButton,
        skin: Skin::Articles,
        looks: &[Look::Regenerates],
    },
    Shape {
        name: "continued-sse",
        about: "the second half of an answer comes only when a button is pressed",
        login: Login::None,
        input: Input::TextareaIcon,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[Look::Continues],
    },
    Shape {
        name: "short-sse",
        about: "the box takes 500 letters",
        login: Login::None,
        input: Input::TextareaIcon,
        transport: Transport::SseDelta,
        busy: Busy::StopButton,
        skin: Skin::Bubbles,
        looks: &[Look::Short],
    },
];

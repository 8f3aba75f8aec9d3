//! What a case does: the page as it is discovered, and what becomes of it. Drawn from the seed and the number of the case, and from nothing else.

use computetower_test_site::change::{Disguise, LANGUAGES};
use computetower_test_site::shape::{Busy, Input, Login, Look, Shape, Skin, Transport};

use crate::dice::Dice;

/// What changes on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Names,
    Language,
    SendMoved,
    SendOfAnotherKind,
    SendGone,
    SendByButtonAlone,
    Dialog,
    Notice,
    Tour,
    AnotherBox,
    IntoShadowRoot,
    IntoClosedRoot,
    IntoFrame,
    SidePanel,
    BehindButton,
    AnotherMarkup,
    Columns,
    NewestFirst,
    Furniture,
    Rebuilt,
    AnotherTransport,
    AnotherBusySign,
    AnotherLogin,
    Expired,
    Everything,
    Decoy,
    ErrorOnce,
    ErrorLikeAnswer,
    ErrorLine,
    AlwaysError,
    StaleAnswer,
    WrongPassword,
    NotInside,
    NotInsideAndNoWay,
}

/// How a case is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// With the right answer.
    Answer,
    /// In a class that says what is wrong: there is no way to an answer.
    Class,
}

use Fault as F;

impl Fault {
    pub(crate) const ALL: [Fault; 34] = [
        F::Names,
        F::Language,
        F::SendMoved,
        F::SendOfAnotherKind,
        F::SendGone,
        F::SendByButtonAlone,
        F::Dialog,
        F::Notice,
        F::Tour,
        F::AnotherBox,
        F::IntoShadowRoot,
        F::IntoClosedRoot,
        F::IntoFrame,
        F::SidePanel,
        F::BehindButton,
        F::AnotherMarkup,
        F::Columns,
        F::NewestFirst,
        F::Furniture,
        F::Rebuilt,
        F::AnotherTransport,
        F::AnotherBusySign,
        F::AnotherLogin,
        F::Expired,
        F::Everything,
        F::Decoy,
        F::ErrorOnce,
        F::ErrorLikeAnswer,
        F::ErrorLine,
        F::AlwaysError,
        F::StaleAnswer,
        F::WrongPassword,
        F::NotInside,
        F::NotInsideAndNoWay,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            F::Names => "ids and classes renamed",
            F::Language => "another language",
            F::SendMoved => "send button moved",
            F::SendOfAnotherKind => "send button of another kind and name",
            F::SendGone => "send button gone, Enter sends",
            F::SendByButtonAlone => "Enter no longer sends",
            F::Dialog => "a dialog over the page",
            F::Notice => "a cookie notice over the box",
            F::Tour => "a tour over the page",
            F::AnotherBox => "another kind of box",
            F::IntoShadowRoot => "box into a shadow root",
            F::IntoClosedRoot => "chat into closed shadow roots",
            F::IntoFrame => "chat into a frame",
            F::SidePanel => "chat into a side panel",
            F::BehindButton => "chat behind a button",
            F::AnotherMarkup => "another markup of messages",
            F::Columns => "answers in another column",
            F::NewestFirst => "newest message first",
            F::Furniture => "names, times, buttons around messages",
            F::Rebuilt => "list rebuilt at each piece",
            F::AnotherTransport => "another transport",
            F::AnotherBusySign => "another sign of being busy",
            F::AnotherLogin => "another login form, signed out",
            F::Expired => "signed out",
            F::Everything => "a redesign: all of it at once",
            F::Decoy => "a second box that answers nothing",
            F::ErrorOnce => "an error toast, once",
            F::ErrorLikeAnswer => "an error in the place of an answer, once",
            F::ErrorLine => "an error line without a role, once",
            F::AlwaysError => "nothing but errors in the place of answers",
            F::StaleAnswer => "the answer before stands there first",
            F::WrongPassword => "password changed, another login form",
            F::NotInside => "looks signed in and is not",
            F::NotInsideAndNoWay => "the same, without a way to sign in",
        }
    }

    pub(crate) fn wanted(self) -> Wanted {
        match self {
            F::AlwaysError | F::WrongPassword | F::NotInsideAndNoWay => Wanted::Class,
            _ => Wanted::Answer,
        }
    }

    /// Whether it takes minutes until it is known to have failed.
    pub(crate) fn is_slow(self) -> bool {
        matches!(
            self,
            F::Decoy
                | F::BehindButton
                | F::Columns
                | F::ErrorOnce
                | F::AlwaysError
                | F::NotInside
                | F::NotInsideAndNoWay
        )
    }

    fn needs_account(self) -> bool {
        matches!(
            self,
            F::AnotherLogin | F::Expired | F::WrongPassword | F::NotInside | F::NotInsideAndNoWay
        )
    }

    /// Whether the same question may rightly reach the server again: the page said that it had failed.
    pub(crate) fn errors(self) -> u32 {
        match self {
            F::ErrorOnce | F::ErrorLikeAnswer | F::ErrorLine => 1,
            F::AlwaysError => 1_000,
            _ => 0,
        }
    }
}

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) number: u64,
    pub(crate) fault: Fault,
    pub(crate) base: Shape,
    pub(crate) changed: Shape,
    pub(crate) disguise: Disguise,
    /// What each question says beside its number.
    pub(crate) words: &'static str,
}

const LOGINS: [Login; 8] = [
    Login::Classic,
    Login::TwoPages,
    Login::Unfold,
    Login::Eye,
    Login::Bare,
    Login::Dialog,
    Login::Tabs,
    Login::DialogAsked,
];
const BOXES: [Input; 5] = [
    Input::TextareaIcon,
    Input::TextareaEnter,
    Input::Editable,
    Input::Line,
    Input::Toggle,
];
const WITH_BUTTON: [Input; 3] = [Input::TextareaIcon, Input::Editable, Input::Toggle];
const TRANSPORTS: [Transport; 10] = [
    Transport::SseDelta,
    Transport::SseCumulative,
    Transport::EventSource,
    Transport::Ndjson,
    Transport::WsText,
    Transport::WsBinary,
    Transport::Poll,
    Transport::Whole,
    Transport::Typed,
    Transport::Several,
];
const SIGNS: [Busy; 6] = [
    Busy::StopButton,
    Busy::ComposerDisabled,
    Busy::AriaBusy,
    Busy::SvgSpinner,
    Busy::CssCursor,
    Busy::Nothing,
];
const SKINS: [Skin; 4] = [Skin::Bubbles, Skin::Articles, Skin::Hashed, Skin::Log];

fn leaked<T>(list: Vec<T>) -> &'static [T] {
    Box::leak(list.into_boxed_slice())
}

/// Another one of the list than `than`.
fn other<T: Copy + PartialEq>(dice: &mut Dice, from: &[T], than: T) -> T {
    loop {
        let one = dice.pick(from);
        if one != than {
            return one;
        }
    }
}

impl Case {
    pub(crate) fn draw(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, number);
        let fault = dice.pick(&F::ALL);
        let name: &'static str = Box::leak(format!("case-{seed}-{number}").into_boxed_str());
        let account = fault.needs_account() || dice.chance(25);
        let mut looks = vec![Look::NewChat];
        for (look, percent) in [
            (Look::Welcome, 40),
            (Look::Furniture, 25),
            (Look::SideHistory, 15),
            (Look::Search, 15),
            (Look::CodeBar, 15),
            (Look::Chips, 10),
        ] {
            if dice.chance(percent) {
                looks.push(look);
            }
        }
        let with_button = matches!(
            fault,
            F::SendMoved | F::SendOfAnotherKind | F::SendGone | F::SendByButtonAlone
        );
        let base = Shape {
            name,
            about: "a page that changes",
            login: if account {
                dice.pick(&LOGINS)
            } else {
                Login::None
            },
            input: dice.pick(if with_button { &WITH_BUTTON } else { &BOXES }),
            transport: dice.pick(&TRANSPORTS),
            busy: dice.pick(&SIGNS),
            skin: dice.pick(&SKINS),
            looks: leaked(looks),
        };
        let mut base = base;
        if fault == F::StaleAnswer && base.transport == Transport::Several {
            base.transport = Transport::Poll;
        }
        let (changed, disguise) = change(fault, &base, &mut dice);
        Self {
            seed,
            number,
            fault,
            base,
            changed,
            disguise,
            words: dice.pick(&["", "", "", " Answer in markdown.", " A long one, please."]),
        }
    }
}

fn change(fault: Fault, base: &Shape, dice: &mut Dice) -> (Shape, Disguise) {
    let mut changed = *base;
    let mut disguise = Disguise::default();
    let mut looks = base.looks.to_vec();
    let salt = u32::try_from(dice.below(1_000_000)).unwrap();
    let language = usize::try_from(dice.below(LANGUAGES.len() as u64)).unwrap();
    match fault {
        F::Names => disguise.salt = Some(salt),
        F::Language => disguise.language = Some(language),
        F::SendMoved => looks.push(Look::SendFirst),
        F::SendOfAnotherKind => looks.push(Look::SendOther),
        F::SendGone => changed.input = dice.pick(&[Input::TextareaEnter, Input::Line]),
        F::SendByButtonAlone => looks.push(Look::EnterBreaks),
        F::Dialog => looks.push(Look::WelcomeDialog),
        F::Notice => looks.push(Look::CookieNotice),
        F::Tour => looks.push(Look::Tour),
        F::AnotherBox => {
            let boxes = [
                Input::TextareaIcon,
                Input::TextareaEnter,
                Input::Editable,
                Input::Line,
                Input::Toggle,
                Input::Drawn,
                Input::Context,
            ];
            changed.input = other(dice, &boxes, base.input);
        }
        F::IntoShadowRoot => changed.input = Input::Shadow,
        F::IntoClosedRoot => changed.input = Input::Closed,
        F::IntoFrame => looks.push(Look::Frame),
        F::SidePanel => looks.push(Look::SidePanel),
        F::BehindButton => looks.push(Look::Launcher),
        F::AnotherMarkup => changed.skin = other(dice, &SKINS, base.skin),
        F::Columns => looks.push(Look::Columns),
        F::NewestFirst => looks.push(Look::ColumnReverse),
        F::Furniture => {
            looks.retain(|look| *look != Look::Furniture);
            looks.extend([Look::Furniture, Look::SrOnly, Look::Thinking]);
        }
        F::Rebuilt => looks.push(Look::Rerender),
        F::AnotherTransport => changed.transport = other(dice, &TRANSPORTS, base.transport),
        F::AnotherBusySign => changed.busy = other(dice, &SIGNS, base.busy),
        F::AnotherLogin | F::WrongPassword => changed.login = other(dice, &LOGINS, base.login),
        F::Everything => {
            disguise = Disguise {
                salt: Some(salt),
                language: Some(language),
            };
            changed.input = other(dice, &BOXES, base.input);
            changed.skin = other(dice, &SKINS, base.skin);
            changed.transport = other(dice, &TRANSPORTS, base.transport);
            changed.busy = other(dice, &SIGNS, base.busy);
            looks.push(dice.pick(&[Look::SidePanel, Look::Tour, Look::WelcomeDialog]));
        }
        F::Decoy => {
            looks.push(Look::Decoy);
            if dice.chance(50) {
                disguise.salt = Some(salt);
                changed.input = other(dice, &BOXES, base.input);
            }
        }
        F::ErrorLikeAnswer | F::AlwaysError => looks.push(Look::ErrorBubble),
        F::ErrorLine => looks.push(Look::ErrorLine),
        F::StaleAnswer => looks.push(Look::StaleFirst),
        F::NotInside => looks.extend([Look::FalseInside, Look::SignInLink]),
        F::NotInsideAndNoWay => looks.push(Look::FalseInside),
        F::Expired | F::ErrorOnce => {}
    }
    changed.looks = leaked(looks);
    (changed, disguise)
}

//! What the words of class names, ids and roles say about a part of a page.
//!
//! Only words that mean the same on any site: no names of sites or of the programs that made them.

use crate::html::class;
use crate::html::dom::Dom;

/// What a part of a page calls itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Around the content: navigation, footers, advertisements, sharing.
    pub furniture: bool,
    /// Perhaps around the content: other pages that might please, boxes of any kind. How it reads decides.
    pub related: bool,
    /// What readers wrote.
    pub comments: bool,
    /// About the content: who wrote it and when, its tags.
    pub about: bool,
    /// The content.
    pub content: bool,
}

const FURNITURE: &[&str] = &[
    "ad",
    "ads",
    "advert",
    "advertisement",
    "advertising",
    "adslot",
    "adunit",
    "adwrapper",
    "adcontainer",
    "breadcrumb",
    "breadcrumbs",
    "consent",
    "cookie",
    "cookies",
    "copyright",
    "donate",
    "donation",
    "dropdown",
    "footer",
    "gdpr",
    "hamburger",
    "masthead",
    "menu",
    "menus",
    "mailchimp",
    "modal",
    "newsletter",
    "newsletters",
    "offcanvas",
    "optin",
    "pager",
    "pagination",
    "paginator",
    "paging",
    "popup",
    "prevnext",
    "sharebar",
    "share",
    "sharer",
    "shares",
    "sharedaddy",
    "sharethis",
    "sharing",
    "sidebar",
    "sidenav",
    "signin",
    "skip",
    "skiplink",
    "social",
    "socials",
    "sponsor",
    "sponsored",
    "sponsors",
    "subnav",
    "subscribe",
    "subscription",
    "subscriptions",
    "tabbar",
    "toolbar",
    "topbar",
    "topnav",
    "followus",
    "adv",
    "dfp",
    "leaderboard",
    "mpu",
    "facet",
    "facets",
    "filters",
    "refinements",
    "signature",
];

const RELATED: &[&str] = &[
    "also",
    "interlink",
    "latest",
    "more",
    "mostread",
    "mostpopular",
    "next",
    "popular",
    "previous",
    "readmore",
    "readnext",
    "recirc",
    "recirculation",
    "recommend",
    "recommendation",
    "recommendations",
    "recommended",
    "related",
    "similar",
    "suggested",
    "suggestions",
    "teaser",
    "teasers",
    "trending",
    "upnext",
    "alsolike",
    "relatedposts",
    "banner",
    "overlay",
    "promo",
    "promos",
    "promotion",
    "promoted",
    "widget",
    "widgets",
    "signup",
    "login",
    "registration",
    "quicklinks",
    "siblings",
];

const COMMENTS: &[&str] = &[
    "comment",
    "comments",
    "commentlist",
    "discussion",
    "disqus",
    "respond",
    "replies",
    "commenting",
    "livefyre",
];

const ABOUT: &[&str] = &[
    "author",
    "authors",
    "authorbox",
    "bio",
    "byline",
    "bylines",
    "categories",
    "category",
    "dateline",
    "meta",
    "metadata",
    "postmeta",
    "published",
    "pubdate",
    "reporter",
    "tag",
    "tags",
    "tagged",
    "taglist",
    "timestamp",
    "topics",
    "kicker",
    "eyebrow",
    "contributor",
    "contributors",
    "credits",
    "credit",
];

const CONTENT: &[&str] = &[
    "article",
    "articlebody",
    "body",
    "content",
    "entry",
    "main",
    "post",
    "story",
    "text",
    "maincontent",
    "storybody",
    "prose",
    "markdown",
];

/// Reads the class, the id, the role and the like of an element.
///
/// `by_id`: the id counts. Where headings are places to link to, an id says what the text is about and not what it is for.
pub(super) fn named(dom: &Dom, id: usize, by_id: bool) -> Named {
    let mut named = Named::default();
    let Some(element) = dom.element(id) else {
        return named;
    };
    for attribute in &element.attributes {
        let name = &*attribute.name.local;
        if !matches!(
            name,
            "class"
                | "id"
                | "data-component"
                | "data-testid"
                | "data-type"
                | "data-module"
                | "aria-label"
        ) || attribute.value.len() > 400
            || (name == "id" && !by_id)
        {
            continue;
        }
        for word in attribute
            .value
            .split_ascii_whitespace()
            .filter(|name| !about_another(name))
            .flat_map(class::words)
        {
            let word = &*word;
            named.furniture |=
                FURNITURE.contains(&word) || (word.starts_with("nav") && word != "navy");
            named.related |= RELATED.contains(&word);
            named.comments |= COMMENTS.contains(&word);
            named.about |= ABOUT.contains(&word);
            named.content |= CONTENT.contains(&word);
        }
    }
    named
}

/// Whether a name says what is beside an element (`has-sidebar`), not what it is.
fn about_another(name: &str) -> bool {
    class::words(name).any(|word| {
        matches!(
            &*word,
            "has"
                | "with"
                | "no"
                | "without"
                | "w"
                | "hide"
                | "show"
                | "layout"
                | "wrapper"
                | "container"
                | "page"
        )
    }) && class::words(name).any(|word| {
        matches!(
            &*word,
            "sidebar"
                | "nav"
                | "navbar"
                | "menu"
                | "footer"
                | "ads"
                | "toolbar"
                | "banner"
                | "comments"
        )
    }) && !class::words(name).any(|word| matches!(&*word, "wrapper" | "container"))
}

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
    /// Other pages that might please.
    pub related: bool,
    /// What readers wrote.
    pub comments: bool,
    /// About the content: who wrote it and when, its tags.
    pub about: bool,
    /// The content.
    pub content: bool,
}

const FURNITURE: &[&str] = &[
    "ad", "ads", "advert", "advertisement", "advertising", "adslot", "adunit", "adwrapper", "adcontainer", "banner", "breadcrumb", "breadcrumbs", "consent",
    "cookie", "cookies", "copyright", "donate", "donation", "dropdown", "footer", "gdpr", "hamburger", "login", "masthead", "menu", "menus",
    "mailchimp", "modal", "nav", "navbar", "navigation", "navigator", "newsletter", "newsletters", "offcanvas", "optin", "overlay", "pager", "pagination", "paginator", "paging",
    "paywall", "popup", "prevnext", "print", "promo", "promos", "promotion", "promoted", "registration", "sharebar", "share", "sharer", "shares",
    "sharedaddy", "sharethis", "sharing", "sidebar", "sidenav", "signin", "signup", "skip", "skiplink", "social", "socials", "sponsor", "sponsored",
    "sponsors", "subnav", "subscribe", "subscription", "subscriptions", "tabbar", "toolbar", "topbar", "topnav", "widget", "widgets", "followus", "adv", "dfp", "leaderboard", "mpu",
];

const RELATED: &[&str] = &[
    "also", "interlink", "latest", "more", "mostread", "mostpopular", "next", "popular", "previous", "readmore", "readnext", "recirc", "recirculation",
    "recommend", "recommendation", "recommendations", "recommended", "related", "similar", "suggested", "suggestions", "teaser", "teasers", "trending",
    "upnext", "alsolike", "relatedposts",
];

const COMMENTS: &[&str] = &["comment", "comments", "commentlist", "discussion", "disqus", "respond", "replies", "commenting", "livefyre"];

const ABOUT: &[&str] = &[
    "author", "authors", "authorbox", "bio", "byline", "bylines", "categories", "category", "dateline", "meta", "metadata", "postmeta", "published", "pubdate", "reporter", "tag", "tags", "tagged",
    "taglist", "timestamp", "topics", "kicker", "eyebrow", "contributor", "contributors", "credits", "credit",
];

const CONTENT: &[&str] = &["article", "articlebody", "body", "content", "entry", "main", "post", "story", "text", "maincontent", "storybody", "prose", "markdown"];

/// Reads the class, the id, the role and the like of an element.
pub(super) fn named(dom: &Dom, id: usize) -> Named {
    let mut named = Named::default();
    let Some(element) = dom.element(id) else { return named };
    for attribute in &element.attributes {
        let name = &*attribute.name.local;
        if !matches!(name, "class" | "id" | "data-component" | "data-testid" | "data-type" | "data-module" | "aria-label") || attribute.value.len() > 400 {
            continue;
        }
        for word in class::words(&attribute.value) {
            let word = &*word;
            named.furniture |= FURNITURE.contains(&word);
            named.related |= RELATED.contains(&word);
            named.comments |= COMMENTS.contains(&word);
            named.about |= ABOUT.contains(&word);
            named.content |= CONTENT.contains(&word);
        }
    }
    named
}

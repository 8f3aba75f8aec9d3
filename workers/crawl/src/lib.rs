//! How a site is walked: which addresses are one, what is in scope, what robots.txt and sitemaps say, where traps are, and how pages are asked for politely.

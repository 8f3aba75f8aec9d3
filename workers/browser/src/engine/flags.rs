//! The command line that Chromium is started with. Decides nothing about supervision.

use std::path::Path;

/// Features that cost memory or talk to the network without serving a page. One list: Chromium heeds only the last
/// `--disable-features` it is given.
const FEATURES_OFF: &[&str] = &[
    // Two hidden renderers per context, for address-bar pop-ups that nobody sees.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "Translate",
    "MediaRouter",
    "DialMediaRouteProvider",
    "OptimizationHints",
    "OptimizationGuideModelDownloading",
    "AutofillServerCommunication",
    "CertificateTransparencyComponentUpdater",
    "InterestFeedContentSuggestions",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "PaintHolding",
    "GlobalMediaControls",
    "SpareRendererForSitePerProcess",
];

/// The arguments for one browser. `extra` comes last; a `--disable-features=` in it is merged into the one list.
pub(crate) fn arguments(
    profile: &Path,
    window: (u32, u32),
    sandbox: bool,
    extra: &[String],
) -> Vec<String> {
    let mut features: Vec<String> = FEATURES_OFF
        .iter()
        .map(|&feature| feature.to_owned())
        .collect();
    let mut rest = Vec::new();
    for argument in extra {
        match argument.strip_prefix("--disable-features=") {
            Some(list) => features.extend(list.split(',').map(str::to_owned)),
            None => rest.push(argument.clone()),
        }
    }
    let mut arguments: Vec<String> = [
        "--headless=new",
        "--remote-debugging-port=0",
        "--remote-debugging-address=127.0.0.1",
        "--no-first-run",
        "--no-default-browser-check",
        "--no-pings",
        "--no-service-autorun",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-component-extensions-with-background-pages",
        "--disable-client-side-phishing-detection",
        "--disable-default-apps",
        "--disable-domain-reliability",
        "--disable-extensions",
        "--disable-sync",
        "--disable-breakpad",
        "--disable-crash-reporter",
        "--disable-hang-monitor",
        "--disable-prompt-on-repost",
        "--disable-search-engine-choice-screen",
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
        "--disable-ipc-flooding-protection",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--force-color-profile=srgb",
        "--metrics-recording-only",
        "--mute-audio",
        "--password-store=basic",
        "--use-mock-keychain",
        "--disk-cache-size=67108864",
    ]
    .map(str::to_owned)
    .to_vec();
    if !sandbox {
        arguments.push("--no-sandbox".to_owned());
    }
    arguments.push(format!("--disable-features={}", features.join(",")));
    arguments.push(format!("--window-size={},{}", window.0, window.1));
    arguments.push(format!("--user-data-dir={}", profile.display()));
    arguments.extend(rest);
    arguments.push("about:blank".to_owned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_list_of_disabled_features_with_the_operators_in_it() {
        let extra = ["--disable-features=Mine".to_owned(), "--lang=de".to_owned()];
        let arguments = arguments(Path::new("/p"), (800, 600), true, &extra);
        let lists: Vec<_> = arguments
            .iter()
            .filter(|a| a.starts_with("--disable-features="))
            .collect();
        assert_eq!(lists.len(), 1);
        assert!(lists[0].contains("WebUIOmniboxPopup") && lists[0].ends_with(",Mine"));
        assert!(arguments.contains(&"--lang=de".to_owned()));
        assert!(!arguments.contains(&"--no-sandbox".to_owned()));
    }
}

//! Launches a browser, says so, and waits to be killed: `owner DATA_DIR`. For the test that nothing is left behind.
#![expect(clippy::print_stdout, reason = "its parent reads it")]

use std::path::PathBuf;

use computetower_browser::{Chromium, LaunchConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data_dir = std::env::args()
        .nth(1)
        .map(PathBuf::from)
        .ok_or("usage: owner DATA_DIR")?;
    let executable =
        std::env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    let config = LaunchConfig {
        executable,
        data_dir,
        extra_args: Vec::new(),
        window: (800, 600),
    };
    let chromium = Chromium::launch(&config).await?;
    println!("{}", chromium.pid());
    chromium.died().await;
    Ok(())
}

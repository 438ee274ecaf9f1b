//! Chromium, driven over the WebDriver protocol (W3C, <https://www.w3.org/TR/webdriver2/>).

mod driver;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{TestDir, tool, wait_until};

use self::driver::Driver;

/// The key under which the protocol names an element (section 12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A window of a browser without a past, which reaches nothing but this machine.
#[derive(Debug)]
pub struct TestBrowser {
    driver: Driver,
    /// `/session/<id>`.
    session: String,
    _profile: TestDir,
}

impl TestBrowser {
    /// Opens an empty window. `None`, and the test is skipped, where there is no Chromium or no driver for it.
    pub fn open() -> Result<Option<Self>> {
        let (Some(chromium), Some(chromedriver)) =
            (tool::program("chromium"), tool::program("chromedriver"))
        else {
            return Ok(None);
        };
        let profile = TestDir::new()?;
        let driver = Driver::start(&chromedriver, profile.path())?;
        let wanted = capabilities(&chromium, profile.path());
        let answer = driver.post("/session", &wanted)?;
        let id = answer["sessionId"]
            .as_str()
            .context("the driver opened no session")?;
        let session = format!("/session/{id}");
        Ok(Some(TestBrowser {
            driver,
            session,
            _profile: profile,
        }))
    }

    /// Opens a page and waits until it is loaded.
    pub fn goto(&self, url: &str) -> Result<()> {
        self.post("url", &json!({ "url": url })).map(drop)
    }

    /// The address of the page.
    pub fn url(&self) -> Result<String> {
        self.get_text("url")
    }

    /// The title of the page.
    pub fn title(&self) -> Result<String> {
        self.get_text("title")
    }

    /// Waits until an element that a person can see matches the CSS selector.
    pub fn wait_for(&self, css: &str, within: Duration) -> Result<()> {
        wait_until(&format!("`{css}` to be seen"), within, || {
            let element = self.find(css).ok()?;
            let shown = self
                .driver
                .get(&format!("{}/element/{element}/displayed", self.session));
            shown.ok()?.as_bool()?.then_some(())
        })
    }

    /// Waits until the text of an element contains `text`.
    pub fn wait_for_text(&self, css: &str, text: &str, within: Duration) -> Result<()> {
        wait_until(&format!("`{css}` to say `{text}`"), within, || {
            self.text(css).ok()?.contains(text).then_some(())
        })
    }

    /// What a person reads in the first element that matches.
    pub fn text(&self, css: &str) -> Result<String> {
        let element = self.find(css)?;
        self.get_text(&format!("element/{element}/text"))
    }

    /// A mouse click on the first element that matches.
    pub fn click(&self, css: &str) -> Result<()> {
        let element = self.find(css)?;
        self.post(&format!("element/{element}/click"), &json!({}))
            .map(drop)
    }

    /// Types into the first element that matches; into a file field, the path of the file to upload.
    pub fn write(&self, css: &str, text: &str) -> Result<()> {
        let element = self.find(css)?;
        self.post(
            &format!("element/{element}/value"),
            &json!({ "text": text }),
        )
        .map(drop)
    }

    /// Runs a function body in the page and returns what it returns.
    pub fn script(&self, body: &str) -> Result<Value> {
        self.post("execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// A PNG of the window, in base64 as the protocol carries it.
    pub fn screenshot(&self) -> Result<String> {
        self.get_text("screenshot")
    }

    fn find(&self, css: &str) -> Result<String> {
        let found = self.post("element", &json!({ "using": "css selector", "value": css }))?;
        let id = found[ELEMENT]
            .as_str()
            .with_context(|| format!("`{css}` was answered without an element"))?;
        Ok(id.to_owned())
    }

    fn post(&self, command: &str, body: &Value) -> Result<Value> {
        self.driver
            .post(&format!("{}/{command}", self.session), body)
    }

    fn get_text(&self, command: &str) -> Result<String> {
        let value = self.driver.get(&format!("{}/{command}", self.session))?;
        Ok(value
            .as_str()
            .with_context(|| format!("{command} was answered with no text: {value}"))?
            .to_owned())
    }
}

impl Drop for TestBrowser {
    fn drop(&mut self) {
        let _ = self.driver.delete(&self.session);
    }
}

fn capabilities(chromium: &Path, profile: &Path) -> Value {
    let folder = format!("--user-data-dir={}", profile.display());
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-proxy-server",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
        "--autoplay-policy=no-user-gesture-required",
        "--mute-audio",
        "--window-size=1280,900",
        &folder,
    ];
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": { "binary": chromium, "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
        "timeouts": { "pageLoad": 30_000, "script": 30_000, "implicit": 0 },
    }}})
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const PAGE: &str = "<title>Warm</title><h1>Floor</h1><input id=name><button onclick=\"\
        setTimeout(() => { let p = document.createElement('p'); p.textContent = 'Hello, ' + \
        document.getElementById('name').value; document.body.append(p) }, 100)\">Say</button>";

    #[test]
    fn a_page_is_opened_typed_into_clicked_and_read() {
        let Some(browser) = TestBrowser::open().unwrap() else {
            return;
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    PAGE.len()
                );
                let _ = stream.write_all(format!("{head}{PAGE}").as_bytes());
            }
        });
        browser.goto(&url).unwrap();
        assert_eq!(browser.title().unwrap(), "Warm");
        assert_eq!(browser.url().unwrap(), url);
        assert_eq!(browser.text("h1").unwrap(), "Floor");
        browser.write("#name", "ondol").unwrap();
        browser.click("button").unwrap();
        browser
            .wait_for_text("p", "Hello, ondol", Duration::from_secs(5))
            .unwrap();
        browser.wait_for("p", Duration::from_secs(1)).unwrap();
        assert_eq!(
            browser
                .script("return document.querySelectorAll('p').length")
                .unwrap(),
            1
        );
        let missing = browser.click("#nowhere").unwrap_err();
        assert!(missing.to_string().contains("no such element"), "{missing}");
        assert!(!browser.screenshot().unwrap().is_empty());
    }
}

//! A volume's first use: what the image has there is what the volume begins with, as with Docker.

use std::fs;

use anyhow::Result;
use ondol_test::{TestDir, TestNode};

use crate::ONDOL;

#[test]
fn an_empty_volume_begins_with_what_the_image_has_there() -> Result<()> {
    let (node, folder) = (TestNode::absent(ONDOL)?, TestDir::new()?);
    let text = "services:
  a:
    build:
      context: .
      dockerfile_inline: |
        FROM alpine
        WORKDIR /app
        COPY first.txt data/first.txt
        RUN mkdir -p modules && echo built > modules/made.txt
        CMD [\"sleep\", \"1000\"]
    volumes: ['kept:/app/data', 'bare:/app/bare', '.:/app/source', '/app/modules', {type: volume, source: none, target: /app/none, volume: {nocopy: true}}]
volumes: {kept: {}, bare: {}, none: {}}
";
    folder.write("compose.yaml", text)?;
    folder.write("first.txt", "first\n")?;
    let read = |path: &str| -> Result<String> {
        Ok(node.ok(folder.path(), ["exec", "a", "cat", path])?.stdout)
    };
    node.ok(folder.path(), ["up", "--detach", "--wait"])?;
    assert_eq!(read("data/first.txt")?, "first\n");
    assert_eq!(read("modules/made.txt")?, "built\n");
    let write = "echo mine > data/first.txt; echo 2 > data/second.txt";
    node.ok(folder.path(), ["exec", "a", "sh", "-c", write])?;

    folder.write("first.txt", "changed\n")?;
    node.ok(folder.path(), ["up", "--detach", "--wait", "--build"])?;
    assert_eq!(
        read("data/first.txt")?,
        "mine\n",
        "what is in use is left alone"
    );
    let volumes = fs::read_dir(node.state().join("volumes"))?;
    let left = volumes
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().contains("part"));
    assert_eq!(left.count(), 0);
    node.ok(folder.path(), ["down", "--volumes"])?;
    node.stop()
}

use super::Language;

/// A language without anything special; the entries below say what is.
const NOTHING: Language = Language {
    repositories: &[],
    programs: &[],
    packages: &[],
    version_flag: "--version",
    cmd: &[],
    entrypoint: &[],
    env: &[],
    path: &[],
    links: &[],
    user: None,
};

/// Images that bring a root file system and no program of their own: the machine's root stands for them.
pub(super) const PLAIN: [&str; 22] = [
    "scratch",
    "debian",
    "ubuntu",
    "alpine",
    "busybox",
    "buildpack-deps",
    "bitnami/minideb",
    "fedora",
    "centos",
    "rockylinux",
    "almalinux",
    "oraclelinux",
    "amazonlinux",
    "gcr.io/distroless/static*",
    "gcr.io/distroless/base*",
    "gcr.io/distroless/cc*",
    "cgr.dev/chainguard/static*",
    "cgr.dev/chainguard/wolfi-base*",
    "cgr.dev/chainguard/glibc-dynamic*",
    "registry.access.redhat.com/ubi*",
    "mcr.microsoft.com/vscode/devcontainers*",
    "mcr.microsoft.com/devcontainers/base*",
];

/// The order matters where patterns overlap: the first match counts.
pub(super) const LANGUAGES: [Language; 17] = [
    Language {
        repositories: &[
            "node",
            "cgr.dev/chainguard/node",
            "mcr.microsoft.com/devcontainers/javascript-node",
        ],
        programs: &["node", "npm"],
        packages: &["nodejs", "npm"],
        cmd: &["node"],
        user: Some(("node", 1000, "/home/node")),
        ..NOTHING
    },
    Language {
        repositories: &["gcr.io/distroless/nodejs*"],
        programs: &["node"],
        packages: &["nodejs"],
        entrypoint: &["node"],
        user: Some(("nonroot", 65532, "/home/nonroot")),
        ..NOTHING
    },
    Language {
        repositories: &[
            "python",
            "tiangolo/uvicorn-gunicorn-fastapi",
            "cgr.dev/chainguard/python",
        ],
        programs: &["python3", "pip3"],
        packages: &["python3", "python3-pip", "python3-venv"],
        cmd: &["python3"],
        env: &[("LANG", "C.UTF-8")],
        links: &[("python", "python3"), ("pip", "pip3")],
        ..NOTHING
    },
    Language {
        repositories: &["gcr.io/distroless/python3*"],
        programs: &["python3"],
        packages: &["python3"],
        entrypoint: &["python3"],
        links: &[("python", "python3")],
        ..NOTHING
    },
    Language {
        repositories: &["ruby", "rails"],
        programs: &["ruby", "gem", "bundle"],
        packages: &["ruby", "ruby-dev", "bundler", "build-essential"],
        cmd: &["irb"],
        env: &[
            ("LANG", "C.UTF-8"),
            ("GEM_HOME", "/usr/local/bundle"),
            ("BUNDLE_SILENCE_ROOT_WARNING", "1"),
            ("BUNDLE_APP_CONFIG", "/usr/local/bundle"),
        ],
        path: &["/usr/local/bundle/bin"],
        ..NOTHING
    },
    Language {
        repositories: &["golang", "cgr.dev/chainguard/go"],
        programs: &["go"],
        packages: &["golang-go"],
        version_flag: "version",
        env: &[("GOPATH", "/go")],
        path: &["/go/bin"],
        ..NOTHING
    },
    Language {
        repositories: &[
            "rust",
            "rustlang/rust",
            "messense/rust-musl-cross",
            "clux/muslrust",
        ],
        programs: &["rustc", "cargo", "cc"],
        packages: &["rustc", "cargo", "gcc", "libc6-dev"],
        env: &[("CARGO_HOME", "/usr/local/cargo")],
        path: &["/usr/local/cargo/bin"],
        ..NOTHING
    },
    Language {
        repositories: &["maven"],
        programs: &["java", "mvn"],
        packages: &["default-jdk-headless", "maven"],
        version_flag: "-version",
        cmd: &["mvn"],
        ..NOTHING
    },
    Language {
        repositories: &["gradle"],
        programs: &["java", "gradle"],
        packages: &["default-jdk-headless", "gradle"],
        version_flag: "-version",
        cmd: &["gradle"],
        ..NOTHING
    },
    Language {
        repositories: &[
            "openjdk",
            "eclipse-temurin",
            "adoptopenjdk",
            "adoptopenjdk/*",
            "amazoncorretto",
            "ibmjava",
            "sapmachine",
            "azul/zulu-openjdk*",
            "bellsoft/liberica-openjdk*",
            "bellsoft/liberica-openjre*",
            "mcr.microsoft.com/openjdk/jdk",
            "cgr.dev/chainguard/jre",
            "cgr.dev/chainguard/jdk",
        ],
        programs: &["java"],
        packages: &["default-jdk-headless"],
        version_flag: "-version",
        ..NOTHING
    },
    Language {
        repositories: &["gcr.io/distroless/java*"],
        programs: &["java"],
        packages: &["default-jre-headless"],
        version_flag: "-version",
        entrypoint: &["java", "-jar"],
        ..NOTHING
    },
    Language {
        repositories: &["php"],
        programs: &["php"],
        packages: &["php-cli"],
        cmd: &["php", "-a"],
        user: Some(("www-data", 33, "/var/www")),
        ..NOTHING
    },
    Language {
        repositories: &["gcc"],
        programs: &["gcc", "g++", "make"],
        packages: &["gcc", "g++", "make"],
        ..NOTHING
    },
    Language {
        repositories: &["perl"],
        programs: &["perl"],
        packages: &["perl"],
        ..NOTHING
    },
    Language {
        repositories: &["mcr.microsoft.com/dotnet/*"],
        programs: &["dotnet"],
        ..NOTHING
    },
    Language {
        repositories: &["denoland/deno"],
        programs: &["deno"],
        ..NOTHING
    },
    Language {
        repositories: &["oven/bun"],
        programs: &["bun"],
        ..NOTHING
    },
];

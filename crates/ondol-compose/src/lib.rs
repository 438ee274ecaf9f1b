//! Compose text to a project and its diagnostics.
//!
//! [`load`] reads a project's files through a [`Source`] and answers with all it found at once: the
//! [`ondol_model::Project`], the resolved file, every problem with its line, and what becomes of each key.
//! It opens no file, knows no clock and never panics, whatever the text is.
//!
//! ```
//! use ondol_compose::{MemorySource, Request, load};
//!
//! let source = MemorySource::of("/shop/compose.yaml", "services:\n  web:\n    image: nginx\n    prots: [\"8080:80\"]\n");
//! let loaded = load(&Request { dir: "/shop".into(), ..Request::default() }, &source);
//! assert_eq!(loaded.diagnostics[0].help.as_deref(), Some("did you mean `ports`?"));
//! assert!(loaded.project.is_none());
//! ```
//!
//! The steps, each in its own module: `yaml` (text to trees with spans), `interpolate`, `normalise` (checked
//! against the `grammar`, short forms written out), `load` (`extends`, `include`, profiles, environments, in
//! their order), `merge`, `validate` (what only the whole can be wrong about), `lower` (tree to model).

mod budget;
mod checks;
mod diagnostic;
mod dotenv;
mod findings;
mod grammar;
mod interpolate;
mod keys;
mod load;
mod lower;
mod merge;
mod normalise;
mod reference;
mod render;
mod source;
mod tree;
mod utf8;
mod validate;
mod yaml;

pub use checks::{Check, Checks, Misfit};
pub use diagnostic::{Diagnostic, Place, Related, Severity};
pub use keys::{KeyReport, KeyUse};
pub use load::{Loaded, Request, Resolved, load};
pub use reference::{x_ondol_reference, x_ondol_schema};
pub use source::{MemorySource, ReadError, Source};

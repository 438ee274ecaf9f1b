//! As much of HTTP/1.1 as a blob store needs: strict about framing, bounded in size and time.

mod answer;
mod body;
mod connection;
mod head;
mod line;
mod server;

pub use answer::Answer;
pub use body::Body;
pub use head::Head;
pub use server::Server;

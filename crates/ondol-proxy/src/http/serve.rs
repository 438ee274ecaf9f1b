use std::rc::Rc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::exchange::{Exchange, exchange};
use crate::Refusal;
use crate::stream::ClientStream;
use crate::worker::{Client, Shard};

/// Serves the requests of one connection, one after another.
///
/// No timer of hyper's: how long a client may take is looked at once a second for all connections of the worker.
pub(crate) async fn serve(shard: Rc<Shard>, client: Client, stream: ClientStream) {
    let limits = shard.limits;
    let client = Rc::new(client);
    let at = Rc::new(Exchange::new(shard, client.clone()));
    let serving = http1::Builder::new()
        .max_headers(limits.headers_max)
        .max_buf_size(limits.head_bytes_max)
        .header_read_timeout(None)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| exchange(at.clone(), request)),
        )
        .with_upgrades();
    if let Err(error) = serving.await
        && error.is_parse()
    {
        // hyper has answered 400, 414 or 431.
        client.serving.count_refusal(Refusal::BadHead);
    }
}

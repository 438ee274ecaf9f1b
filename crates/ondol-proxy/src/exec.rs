use hyper::rt::Executor;

/// Runs what hyper wants run beside a connection on the worker that has the connection.
#[derive(Clone, Copy)]
pub(crate) struct Local;

impl<F> Executor<F> for Local
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

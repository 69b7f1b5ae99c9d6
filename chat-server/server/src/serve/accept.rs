//! Accepting TCP connections.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use chat_domain::limits::{CONNECTIONS, HTTP_HEADER_TIMEOUT_SECONDS};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::app::App;
use crate::http::{ClientAddress, ConnectionPermit, router};

const HEADER_TIMEOUT: Duration = Duration::from_secs(HTTP_HEADER_TIMEOUT_SECONDS);
/// Wait after the system refused a connection: it is short of something, most
/// likely of file descriptors, and to ask at once would only heat the room.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
/// Bytes of the head of a request.
const HEAD_BYTES: usize = 16 * 1024;

/// Accepts connections until told to stop. Each is a task of its own, tracked,
/// and holds a permit until it, and the socket that it may become, has ended.
pub(super) async fn run(app: Arc<App>, listener: TcpListener, stop: CancellationToken) {
    let router = router(app.clone());
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The permit first: at the bound, connections wait in the system's queue.
        let permit = tokio::select! {
            permit = permits.clone().acquire_owned() => permit.expect("it is never closed"),
            () = stop.cancelled() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                continue;
            }
        };
        // Frames are small and must leave at once. A connection that is gone
        // already fails here, and at its first read.
        let _ = stream.set_nodelay(true);
        let permit = ConnectionPermit {
            _permit: Arc::new(permit),
        };
        let client = ClientAddress(address.ip().to_canonical());
        app.lifecycle
            .tasks
            .spawn(serve(router.clone(), stream, client, permit, stop.clone()));
    }
}

async fn serve(
    router: Router,
    stream: TcpStream,
    client: ClientAddress,
    permit: ConnectionPermit,
    stop: CancellationToken,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(permit.clone());
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // A client that breaks off is nobody's error.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            // Ends after the request that is under way.
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

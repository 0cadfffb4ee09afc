//! A way to the API server that a test can cut or freeze.

use std::sync::Arc;
use std::time::Duration;

use kube::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As if there was no proxy.
    Open,
    /// Connections are closed, and new ones refused at once: the server is down.
    Cut,
    /// Nothing passes and nobody says so: the network is lost.
    Frozen,
}

/// The proxy.
pub struct Proxy {
    way: Arc<watch::Sender<Way>>,
    port: u16,
}

impl Proxy {
    /// Starts one in front of the server of a configuration.
    pub async fn start(config: &Config) -> Self {
        let target = format!("127.0.0.1:{}", config.cluster_url.port_u16().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(watch::channel(Way::Open).0);
        let ways = way.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *ways.borrow() == Way::Cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(pump(from_client, to_server, ways.subscribe()));
                tokio::spawn(pump(from_server, to_client, ways.subscribe()));
            }
        });
        Self { way, port }
    }

    /// A configuration that goes through it.
    pub fn through(&self, mut config: Config) -> Config {
        config.cluster_url = format!("https://127.0.0.1:{}", self.port).parse().unwrap();
        config
    }

    /// Breaks the way for a while, then opens it.
    pub async fn outage(&self, way: Way, length: Duration) {
        self.way.send_replace(way);
        tokio::time::sleep(length).await;
        self.way.send_replace(Way::Open);
    }
}

async fn pump<R, W>(mut from: R, mut to: W, mut way: watch::Receiver<Way>)
where
    R: AsyncReadExt + Unpin,
    W: AsyncWriteExt + Unpin,
{
    let mut buffer = vec![0; 16 * 1024];
    loop {
        if way.wait_for(|way| *way != Way::Frozen).await.map_or(true, |way| *way == Way::Cut) {
            return;
        }
        tokio::select! {
            read = from.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(length) => {
                    if way.wait_for(|way| *way != Way::Frozen).await.map_or(true, |way| *way == Way::Cut) {
                        return;
                    }
                    if to.write_all(&buffer[..length]).await.is_err() {
                        return;
                    }
                }
            },
            _ = way.changed() => {}
        }
    }
}

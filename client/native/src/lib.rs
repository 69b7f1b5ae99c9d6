//! The native driver of the Chatalot client machine: tokio, WebSocket, SQLite, OS keychain.

import PluginAPI

/// A request to Ollama for an exchange, as it is sent again when the server refuses a key.
struct Outgoing {
    let backend: OllamaBackend
    let path: String
    let extra: [(name: String, value: String)]
    /// Nil: the client's own.
    let body: [UInt8]?

    func start(_ exchange: ExchangeTask, key: Int, _ handler: HTTPHandler) -> nexus_status {
        backend.host.start(
            exchange.handle, method: "POST", path: backend.address.place(path), headers: backend.headers(key),
            extra: extra, fromRoot: backend.address.isFromRoot, body: body ?? [], sendsExchangeBody: body == nil,
            handler: handler)
    }
}

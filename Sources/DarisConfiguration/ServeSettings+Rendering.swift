extension ServeSettings {
    /// The keys of `serve:` that are not their defaults.
    ///
    /// - Parameter path: How the path of a file is written.
    func rendered(path: (String) -> String) -> [(String, String)] {
        let defaults = ServeSettings()
        var entries: [(String, String)] = []
        for (key, address, usual) in [("http", http, defaults.http), ("grpc", grpc, defaults.grpc)]
        where address != usual {
            entries.append((key, address.map { YAMLText.scalar($0.description) } ?? "off"))
        }
        if let tls {
            entries.append(
                ("tls", YAMLText.mapping([("certificate", path(tls.certificate)), ("key", path(tls.key))])))
        }
        let tokens = [("inference", inferenceTokens), ("control", controlTokens)].compactMap { key, file in
            file.map { (key, path($0)) }
        }
        if !tokens.isEmpty { entries.append(("tokens", YAMLText.mapping(tokens))) }
        if let hosts { entries.append(("hosts", "[\(hosts.map(YAMLText.scalar).joined(separator: ", "))]")) }
        let limits = bounds.rendered()
        if !limits.isEmpty { entries.append(("limits", YAMLText.mapping(limits))) }
        return entries
    }
}

extension ServeSettings.Bounds {
    /// The keys of `limits:` that are not their defaults.
    func rendered() -> [(String, String)] {
        let defaults = Self()
        var entries: [(String, String)] = []
        for (key, bytes, usual) in [
            ("body", body, defaults.body), ("answer", answer, defaults.answer), ("memory", memory, defaults.memory),
        ] where bytes != usual {
            entries.append((key, Quantity.formatBytes(bytes)))
        }
        for (key, count, usual) in [
            ("connections", connections, defaults.connections), ("requests", requests, defaults.requests),
            ("waiting", waiting, defaults.waiting),
        ] where count != usual {
            entries.append((key, "\(count)"))
        }
        for (key, time, usual) in [
            ("receive", receive, defaults.receive), ("idle", idle, defaults.idle), ("drain", drain, defaults.drain),
        ] where time != usual {
            entries.append((key, Quantity.format(time)))
        }
        return entries
    }
}

internal import DarisCore

extension Partition {
    /// What kinds of spatial sharing each device has.
    private static let kinds = [("cpu", ["cores"]), ("cuda", ["streams", "green", "mps"])]

    /// Reads `partition:`; without it the device is one lane.
    init(_ field: Field?, device: String) throws(ConfigurationError) {
        self.init(contexts: 1, streams: 1, oversubscription: 1)
        guard let field else { return }
        let section = try Section(
            field, keys: ["contexts", "streams", "oversubscription", "kind"],
            example: "{contexts: 2, streams: 1, oversubscription: 1}")
        if let kind = section["kind"] { try Partition.checkKind(kind, device: device) }
        if let contexts = section["contexts"] { self.contexts = try contexts.integer(in: Limits.contexts) }
        if let streams = section["streams"] { self.streams = try streams.integer(in: Limits.streams) }
        if let oversubscription = section["oversubscription"] {
            let text = try oversubscription.text("a number from 1 to the number of contexts", example: "1")
            guard let value = Quantity.number(text) else {
                throw oversubscription.error(
                    "\(text.quoted) is not a number; write one from 1 to \(contexts), the number of contexts")
            }
            guard (1...Double(contexts)).contains(value) else {
                throw oversubscription.error("\(text.quoted) is outside 1 to \(contexts), the number of contexts")
            }
            self.oversubscription = value
        }
    }

    private static func checkKind(_ field: Field, device: String) throws(ConfigurationError) {
        let text = try field.text("a kind of partition", example: "cores")
        let allowed = kinds.first { $0.0 == device }?.1 ?? []
        guard !allowed.contains(text) else { return }
        let rule = kinds.map { "device \($0.0) has \($0.1.joined(separator: ", "))" }.joined(separator: "; ")
        throw field.error("\(text.quoted) is not a kind of partition for device \(device); \(rule)")
    }
}

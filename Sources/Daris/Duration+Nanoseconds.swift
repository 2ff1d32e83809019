import DarisCore

extension Duration {
    init(_ time: Nanoseconds) { self = .nanoseconds(time.rawValue) }
}

extension Nanoseconds {
    /// The same time in whole nanoseconds, or the nearest to it.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let longest: Int64 = 1 << 33
        self.init(min(max(seconds, -longest), longest) * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

import DarisCore
import Synchronization

/// By what a request can be found again in the logs: here, at its client, and on the way between.
///
/// It goes with the Swift task that works on the request, so that nothing has to hand it on.
final class RequestTag: Sendable {
    @TaskLocal static var current: RequestTag?

    /// The client's own, or one made up here.
    let id: String
    /// Of the trace that the client is following.
    let trace: TraceContext?
    let client: Client
    /// When the protocol gives the call up for its client, if it does.
    let end: ContinuousClock.Instant?
    private let noted = Atomic(false)

    /// - Parameters:
    ///   - id: as the client sent it. One that is too long, or not plain text, is replaced.
    ///   - traceParent: a header of the form that W3C Trace Context gives it; one that is not is left out.
    init(id: String?, traceParent: String?, client: Client = .unknown, end: ContinuousClock.Instant? = nil) {
        self.client = client
        self.end = end
        self.id = id.flatMap { Self.isUsable($0) ? $0 : nil } ?? Self.made()
        trace = traceParent.flatMap { TraceContext(traceParent: $0) }
    }

    /// Whether the journal has a line of the request already.
    var isNoted: Bool { noted.load(ordering: .relaxed) }

    func note() { noted.store(true, ordering: .relaxed) }

    /// Letters, digits and the punctuation that ids have: nothing that could pretend to be another line or field.
    private static func isUsable(_ id: String) -> Bool {
        (1...128).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-_.:/=+@".utf8.contains(byte)
                }
            }
    }

    private static func made() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

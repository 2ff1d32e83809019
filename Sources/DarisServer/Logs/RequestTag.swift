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
    let trace: TraceParent?
    private let noted = Atomic(false)

    /// - Parameters:
    ///   - id: as the client sent it. One that is too long, or not plain text, is replaced.
    ///   - traceParent: a header of the form that W3C Trace Context gives it; one that is not is left out.
    init(id: String?, traceParent: String?) {
        self.id = id.flatMap { Self.isUsable($0) ? $0 : nil } ?? Self.made()
        trace = traceParent.flatMap(TraceParent.init)
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

/// The place of a request in a trace: the header `traceparent` of W3C Trace Context, `00-TRACE-PARENT-FLAGS`.
struct TraceParent: Hashable, Sendable {
    /// 32 hexadecimal digits.
    let traceID: String
    /// 16 hexadecimal digits: the span that made the request.
    let parentID: String

    init?(_ header: String) {
        let fields = header.split(separator: "-", omittingEmptySubsequences: false)
        // Later versions may have more fields; `ff` is none.
        guard fields.count >= 4, Self.isHex(fields[0], 2), fields[0] != "ff", fields[0] != "00" || fields.count == 4,
            Self.isHex(fields[1], 32), Self.isHex(fields[2], 16), Self.isHex(fields[3], 2),
            fields[1].contains(where: { $0 != "0" }), fields[2].contains(where: { $0 != "0" })
        else { return nil }
        traceID = String(fields[1])
        parentID = String(fields[2])
    }

    private static func isHex(_ text: Substring, _ count: Int) -> Bool {
        text.utf8.count == count
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }
}

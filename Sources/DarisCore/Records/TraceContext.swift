/// The place of a job in a trace that its client follows: what the header `traceparent` of W3C Trace Context says, without
/// the flags. A trivial value, as everything in a record.
package struct TraceContext: Hashable, Sendable {
    /// The upper and the lower half of the trace's id.
    var high: UInt64
    var low: UInt64
    /// The span that made the request.
    var parent: UInt64

    /// The trace's id: 32 hexadecimal digits.
    package var traceID: String { Self.text(high) + Self.text(low) }
    /// The id of the span that made the request: 16 hexadecimal digits.
    package var parentID: String { Self.text(parent) }

    /// Reads a header, `00-TRACE-PARENT-FLAGS`; `nil` if it is not as the standard has it.
    package init?(traceParent header: String) {
        let fields = header.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        // Later versions may have more fields; `ff` is none.
        guard fields.count >= 4, let version = Self.number(fields[0], digits: 2), version != 0xff,
            version != 0 || fields.count == 4, fields[1].count == 32, Self.number(fields[3], digits: 2) != nil,
            let high = Self.number(fields[1].prefix(16), digits: 16),
            let low = Self.number(fields[1].suffix(16), digits: 16), let parent = Self.number(fields[2], digits: 16),
            high | low != 0, parent != 0
        else { return nil }
        self.init(high: high, low: low, parent: parent)
    }

    init(high: UInt64, low: UInt64, parent: UInt64) {
        self.high = high
        self.low = low
        self.parent = parent
    }

    /// Lower-case hexadecimal digits, as the standard has them, as a number.
    static func number(_ text: some Collection<UInt8>, digits: Int) -> UInt64? {
        guard text.count == digits else { return nil }
        var number: UInt64 = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }

    private static func text(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

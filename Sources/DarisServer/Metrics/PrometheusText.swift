import DarisCore

/// Prometheus' text format, version 0.0.4, as it is written: a family's help and type, then its samples.
///
/// ```swift
/// var text = PrometheusText()
/// text.family("daris_ready", .gauge, "Whether requests are taken.")
/// text.sample(1)
/// ```
struct PrometheusText {
    enum Kind: String {
        case counter, gauge, histogram
    }

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var bytes: [UInt8] = []
    private var name = ""
    private var kind = Kind.gauge

    /// Begins a family. All its samples follow before the next one begins, as the format wants.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        append("# HELP \(name) ")
        escape(help, quotes: false)
        append("\n# TYPE \(name) \(kind.rawValue)\n")
    }

    mutating func sample(_ value: Double, _ labels: KeyValuePairs<String, String> = [:]) {
        precondition(kind != .histogram, "a histogram's samples are its buckets")
        line("", Array(labels), Self.text(value))
    }

    mutating func sample(_ value: Int, _ labels: KeyValuePairs<String, String> = [:]) {
        precondition(kind != .histogram, "a histogram's samples are its buckets")
        line("", Array(labels), "\(value)")
    }

    /// The samples of one histogram, in seconds.
    mutating func buckets(_ times: TimeBuckets, _ labels: KeyValuePairs<String, String> = [:]) {
        precondition(kind == .histogram, "buckets belong to a histogram")
        let labels = Array(labels)
        for (bound, count) in zip(times.bounds, times.cumulative) {
            line("_bucket", labels + [("le", Self.text(bound.inSeconds))], "\(count)")
        }
        line("_bucket", labels + [("le", "+Inf")], "\(times.count)")
        line("_sum", labels, Self.text(times.sum.inSeconds))
        line("_count", labels, "\(times.count)")
    }

    private mutating func line(_ suffix: String, _ labels: [(key: String, value: String)], _ value: String) {
        append(name)
        append(suffix)
        if !labels.isEmpty {
            append("{")
            for (index, label) in labels.enumerated() {
                append(index == 0 ? "\(label.key)=\"" : ",\(label.key)=\"")
                escape(label.value, quotes: true)
                append("\"")
            }
            append("}")
        }
        append(" \(value)\n")
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func escape(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\"") where quotes: append("\\\"")
            default: bytes.append(byte)
            }
        }
    }

    private static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }
}

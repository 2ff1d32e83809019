/// A time in whole nanoseconds: a span, or an instant counted from the start of the run on a monotonic clock.
///
/// ```swift
/// let period = Nanoseconds.milliseconds(33)
/// let deadline = release + period
/// ```
public struct Nanoseconds: Hashable, Comparable, Sendable, Codable {
    /// The count of nanoseconds; may be negative (a lateness below zero is time to spare).
    public var rawValue: Int64

    /// A time of `rawValue` nanoseconds.
    @inlinable
    public init(_ rawValue: Int64) { self.rawValue = rawValue }

    /// Reads a count of nanoseconds.
    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(Int64.self))
    }

    /// Writes the count of nanoseconds.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    /// No time at all.
    public static let zero = Nanoseconds(0)
    /// Later than every instant of a run.
    public static let distantFuture = Nanoseconds(.max)

    /// `count` microseconds.
    @inlinable
    public static func microseconds(_ count: Int64) -> Nanoseconds { Nanoseconds(count * 1_000) }
    /// `count` milliseconds.
    @inlinable
    public static func milliseconds(_ count: Int64) -> Nanoseconds { Nanoseconds(count * 1_000_000) }
    /// `count` seconds.
    @inlinable
    public static func seconds(_ count: Int64) -> Nanoseconds { Nanoseconds(count * 1_000_000_000) }
    /// `count` seconds, rounded to the nearest nanosecond.
    @inlinable
    public static func seconds(_ count: Double) -> Nanoseconds { Nanoseconds(Int64((count * 1e9).rounded())) }

    /// This time in seconds.
    @inlinable public var inSeconds: Double { Double(rawValue) / 1e9 }
    /// This time in milliseconds.
    @inlinable public var inMilliseconds: Double { Double(rawValue) / 1e6 }

    /// Whether `a` is less than `b`.
    @inlinable
    public static func < (a: Nanoseconds, b: Nanoseconds) -> Bool { a.rawValue < b.rawValue }
    /// The sum.
    @inlinable
    public static func + (a: Nanoseconds, b: Nanoseconds) -> Nanoseconds { Nanoseconds(a.rawValue + b.rawValue) }
    /// The difference.
    @inlinable
    public static func - (a: Nanoseconds, b: Nanoseconds) -> Nanoseconds { Nanoseconds(a.rawValue - b.rawValue) }
    /// Adds `b` to `a`.
    @inlinable
    public static func += (a: inout Nanoseconds, b: Nanoseconds) { a.rawValue += b.rawValue }
    /// Takes `b` from `a`.
    @inlinable
    public static func -= (a: inout Nanoseconds, b: Nanoseconds) { a.rawValue -= b.rawValue }

    /// The sum, or the time nearest to it: for sums over what a record says, which may be days upon days.
    @inlinable
    package func addingSaturating(_ other: Nanoseconds) -> Nanoseconds {
        let (sum, overflows) = rawValue.addingReportingOverflow(other.rawValue)
        return Nanoseconds(overflows ? (other < .zero ? .min : .max) : sum)
    }

    /// This span times `numerator / denominator`, rounded down, without overflow in between.
    ///
    /// - Precondition: `denominator` is positive and the result fits 64 bits.
    @inlinable
    public func scaled(by numerator: Int64, over denominator: Int64) -> Nanoseconds {
        precondition(denominator > 0, "a time can only be scaled over a positive denominator, not \(denominator)")
        let product = rawValue.multipliedFullWidth(by: numerator)
        return Nanoseconds(denominator.dividingFullWidth(product).quotient)
    }
}

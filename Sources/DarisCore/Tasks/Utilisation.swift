/// A share of one lane's time, in whole billionths, so that sums kept up to date step by step never drift.
///
/// A task's utilisation is uᵢ = MRETᵢ / Tᵢ (paper equation 2).
public struct Utilisation: Hashable, Comparable, Sendable, Codable {
    /// Billionths of one lane.
    public var rawValue: Int64

    /// A utilisation of `rawValue` billionths.
    @inlinable
    public init(_ rawValue: Int64) { self.rawValue = rawValue }

    /// Nothing.
    public static let zero = Utilisation(0)

    /// What one lane can give.
    @inlinable
    public static func lanes(_ count: Int) -> Utilisation { Utilisation(Int64(count) * 1_000_000_000) }

    /// `executionTime / period`, rounded down; held at 1000 lanes so that no sum can overflow.
    @inlinable
    public init(executionTime: Nanoseconds, period: Nanoseconds) {
        let most: Int64 = 1000
        if executionTime.rawValue / period.rawValue >= most {
            rawValue = most * 1_000_000_000
        } else {
            rawValue = executionTime.scaled(by: 1_000_000_000, over: period.rawValue).rawValue
        }
    }

    /// This share times `factor / divisor`, rounded down, held at what can be represented.
    @inlinable
    public func scaled(by factor: Int64, over divisor: Int64) -> Utilisation {
        let (product, overflows) = rawValue.multipliedReportingOverflow(by: factor)
        return Utilisation(overflows ? .max : product / divisor)
    }

    /// This share as a fraction: 1 is one lane, always busy.
    @inlinable public var fraction: Double { Double(rawValue) / 1e9 }

    /// Whether `a` is less than `b`.
    @inlinable
    public static func < (a: Utilisation, b: Utilisation) -> Bool { a.rawValue < b.rawValue }
    /// The sum.
    @inlinable
    public static func + (a: Utilisation, b: Utilisation) -> Utilisation { Utilisation(a.rawValue + b.rawValue) }
    /// The difference.
    @inlinable
    public static func - (a: Utilisation, b: Utilisation) -> Utilisation { Utilisation(a.rawValue - b.rawValue) }
    /// Adds `b` to `a`.
    @inlinable
    public static func += (a: inout Utilisation, b: Utilisation) { a.rawValue += b.rawValue }
    /// Takes `b` from `a`.
    @inlinable
    public static func -= (a: inout Utilisation, b: Utilisation) { a.rawValue -= b.rawValue }
}

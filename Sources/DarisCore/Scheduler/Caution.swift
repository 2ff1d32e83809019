/// How much more than they are things must be reckoned to be, as lateness teaches: what is let in by a forecast is late when
/// the forecast is too good, and by how much is learnt.
///
/// It grows by a quarter when something is late that was let in since it last grew, and wears off with each in time. Whole
/// numbers, so that every run is the same.
package struct Caution: Hashable, Sendable {
    /// In 65,536ths, from `least` on.
    package private(set) var value = Self.least
    private var raised = Nanoseconds.zero
    private let wear: Int64

    /// None: things are what they are.
    package static let least: Int64 = 65_536
    private static let most = 16 * least

    /// No caution so far. One `wear`th wears off with each thing in time.
    package init(wear: Int64 = 4096) { self.wear = wear }

    /// By how much, as a factor: 1 is none.
    package var factor: Double { Double(value) / Double(Self.least) }

    /// Takes in whether something was late that was let in at `start`.
    package mutating func learn(isLate: Bool, since start: Nanoseconds, now: Nanoseconds) {
        if !isLate {
            value = max(Self.least, value - value / wear)
        } else if start >= raised {
            value = min(Self.most, value + value / 4)
            raised = now
        }
    }

    /// Lets an eighth wear off where nothing is let in any more from which to learn.
    package mutating func loosen() { value = max(Self.least, value - value / 8) }
}

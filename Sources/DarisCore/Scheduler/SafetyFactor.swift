/// The factor by which an admission test multiplies a forecast, learnt from how often what it admitted was late.
///
/// It grows by a quarter when something is late that was admitted since it last grew, and shrinks by a small part with each in
/// time. Whole numbers, so that every run is the same.
package struct SafetyFactor: Hashable, Sendable {
    /// In 65,536ths, from `unit` on.
    package private(set) var value = Self.unit
    private var raised = Nanoseconds.zero
    private let decay: Int64

    /// A factor of 1: the forecast as it is.
    package static let unit: Int64 = 65_536
    private static let most = 16 * unit

    /// A factor of 1, which shrinks by one `decay`th with each in time.
    package init(decay: Int64 = 4096) { self.decay = decay }

    /// The factor: at least 1.
    package var factor: Double { Double(value) / Double(Self.unit) }

    /// Takes in whether something was late that was admitted at `start`.
    package mutating func learn(isLate: Bool, since start: Nanoseconds, now: Nanoseconds) {
        if !isLate {
            value = max(Self.unit, value - value / decay)
        } else if start >= raised {
            value = min(Self.most, value + value / 4)
            raised = now
        }
    }

    /// Shrinks by an eighth, where nothing is admitted from which to learn.
    package mutating func lower() { value = max(Self.unit, value - value / 8) }
}

import DarisCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Factors of a mean of 1: log-normal, by the Box-Muller transform.
struct NoiseSource: Sendable {
    private let sigma: Double
    private var random: SplitMix64
    private var spare: Double?

    init(sigma: Double, seed: UInt64) {
        self.sigma = sigma
        random = SplitMix64(seed: seed)
    }

    mutating func next() -> Double {
        guard sigma > 0 else { return 1 }
        return exp(sigma * normal() - sigma * sigma / 2)
    }

    private mutating func normal() -> Double {
        if let value = spare {
            spare = nil
            return value
        }
        let radius = (-2 * log(1 - uniform())).squareRoot()
        let angle = 2 * Double.pi * uniform()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }

    /// From 0 to just below 1.
    private mutating func uniform() -> Double { Double(random.next() >> 11) * 0x1p-53 }
}

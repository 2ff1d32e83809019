internal import Foundation

/// Fills weights with pseudo-random numbers that depend on the seed and the weight's name alone, so that a change of one
/// layer leaves the others as they were.
///
/// The generator is SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
enum WeightGenerator {
    /// The numbers of a weight as ONNX stores them: float32, little-endian.
    static func values(of parameter: Network.Parameter, seed: UInt64) -> Data {
        let count = parameter.count
        // Two numbers are made at a time; the space for the second may be one more than is needed.
        let values = UnsafeMutablePointer<UInt32>.allocate(capacity: count + 1)
        defer { values.deallocate() }
        let low = parameter.centre - parameter.spread
        let step = 2 * parameter.spread / 0x1p24
        var state = mixed(seed) ^ hash(of: parameter.name)
        // A plain loop over memory: this runs some 25 million times for one network, in debug builds too.
        var index = 0
        while index < count {
            state &+= 0x9e37_79b9_7f4a_7c15
            let bits = mixed(state)
            values[index] = (low + step * Float(UInt32(truncatingIfNeeded: bits >> 40))).bitPattern.littleEndian
            values[index + 1] =
                (low + step * Float(UInt32(truncatingIfNeeded: bits >> 16) & 0xff_ffff)).bitPattern.littleEndian
            index += 2
        }
        return Data(bytes: values, count: count * MemoryLayout<UInt32>.size)
    }

    /// SplitMix64's output function, a bijection that changes half the bits.
    @inline(__always)
    private static func mixed(_ state: UInt64) -> UInt64 {
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// The 64-bit FNV-1a hash of a name.
    private static func hash(of name: String) -> UInt64 {
        name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

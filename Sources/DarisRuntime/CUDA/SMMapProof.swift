import CUDADriver
import DarisCore

/// On which SMs the contexts of a GPU really run, beside what their partition promises.
public struct SMMapProof: Hashable, Sendable {
    /// The SMs of each context as the partition numbers them, which need not be the hardware's numbers.
    public var promised: [[Int]]
    /// The SMs on which a kernel on the context's first stream ran, by the hardware's numbers.
    public var found: [[Int]]

    /// What was promised and what was found.
    public init(promised: [[Int]], found: [[Int]]) {
        self.promised = promised
        self.found = found
    }

    /// Cuts a GPU in this process and runs a kernel in each context, one after another.
    ///
    /// - Parameters:
    ///   - kind: `streams` or `green`.
    ///   - driver: the driver's library; the system's if `nil`.
    public static func measure(
        gpu: Int, partition: Partition, kind: PartitionKind, driver: String? = nil
    ) throws(CUDAError) -> SMMapProof {
        let context = try CUDAContext(library: try CUDALibrary.open(path: driver), device: gpu)
        let contexts = try GPUContexts.make(partition, kind: kind, on: context)
        let map = try SMMap(context: context)
        var found: [[Int]] = []
        for streams in contexts.streams { found.append(try map.multiprocessors(of: streams[0])) }
        return SMMapProof(promised: contexts.units, found: found)
    }

    /// What differs from the promise: contexts that ran on more or fewer SMs, and pairs that share more or fewer. The
    /// hardware's numbers are its own, so that only how many there are can be compared.
    public var problems: [String] {
        var problems: [String] = []
        for (context, ran) in found.enumerated() {
            if ran.count != promised[context].count {
                problems.append(
                    "context \(context) was promised \(promised[context].count) SMs, but ran on \(ran.count)")
            }
            for other in 0..<context {
                let shared = Set(found[other]).intersection(ran).count
                let planned = Set(promised[other]).intersection(promised[context]).count
                if shared != planned {
                    problems.append(
                        "contexts \(other) and \(context) should share \(planned) SMs, but share \(shared)")
                }
            }
        }
        return problems
    }
}

import CUDADriver
import DarisCore
import Foundation

/// On which SMs the contexts of a GPU really run, beside what their partition promises.
package struct SMMapProof: Hashable, Sendable {
    /// The SMs of each context as the partition numbers them, which need not be the hardware's numbers.
    package var promised: [[Int]]
    /// The SMs on which a kernel on the context's first stream ran, by the hardware's numbers.
    package var found: [[Int]]

    /// What was promised and what was found.
    package init(promised: [[Int]], found: [[Int]]) {
        self.promised = promised
        self.found = found
    }

    /// Cuts a GPU in this process and runs a kernel in each context, one after another.
    ///
    /// - Parameters:
    ///   - kind: `streams` or `green`.
    ///   - driver: the driver's library; the system's if `nil`.
    ///   - patience: how long to ask again while an MPS server is not ready for this process.
    package static func measure(
        gpu: Int, partition: Partition, kind: PartitionKind, driver: String? = nil, patience: Duration = .zero
    ) throws(CUDAError) -> SMMapProof {
        let context = try CUDAContext(library: try CUDALibrary.open(path: driver, patience: patience), device: gpu)
        let contexts = try GPUContexts.make(partition, kind: kind, on: context)
        let map = try SMMap(context: context)
        var found: [[Int]] = []
        for streams in contexts.streams { found.append(try map.multiprocessors(of: streams[0])) }
        return SMMapProof(promised: contexts.units, found: found)
    }

    /// Runs the kernel in a process for each context under an MPS daemon of our own, one after another. MPS bounds how many
    /// SMs a context has at once, not which: `promised` numbers them from 0 in each.
    ///
    /// - Parameters:
    ///   - program: `daris`; the one of this process, beside it or in `PATH` if `nil`.
    ///   - control: MPS's control program; the one in `PATH` if `nil`.
    ///   - driver: the driver's library; the system's if `nil`.
    ///   - limit: how long the control program, and each process, may take for anything; one that takes longer is killed.
    package static func measureUnderMPS(
        gpu: Int, partition: Partition, program: String? = nil, control: String? = nil, driver: String? = nil,
        limit: Nanoseconds = .seconds(Int64(15))
    ) throws -> SMMapProof {
        let program = try WorkerExecutable.find(program)
        let facts = try CUDALibrary.open(path: driver).facts(ofDevice: gpu)
        let all = facts.multiprocessorCount
        let daemon = try MPSDaemon(gpu: gpu, uuid: facts.uuid, control: control, limit: limit)
        defer { daemon.stop() }
        let percentage = MPSDaemon.percentage(partition, multiprocessors: all)
        let environment = ProcessInfo.processInfo.environment
            .merging(daemon.environment(percentage: percentage)) { $1 }
        var found: [[Int]] = []
        for _ in 0..<partition.contexts {
            let outcome = try ChildProcess.run(
                program, ["worker", "--sm-map", "\(daemon.clientGPU)"], environment: environment, limit: limit)
            guard outcome.code == 0 else {
                throw PreparationError.device(
                    name: "cuda:\(gpu)", reason: "a process under MPS found no SMs: \(outcome.firstLine)")
            }
            found.append(outcome.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) })
        }
        let bound = min(all, (all * percentage + 99) / 100)
        return SMMapProof(promised: found.map { _ in Array(0..<bound) }, found: found)
    }

    /// Contexts that ran on more SMs than they were bounded to; two more are MPS's rounding.
    package var exceeded: [String] {
        zip(promised, found).enumerated().compactMap { context, pair in
            pair.1.count <= pair.0.count + 2
                ? nil : "context \(context) is bounded to \(pair.0.count) SMs, but ran on \(pair.1.count)"
        }
    }

    /// What differs from the promise: contexts that ran on more or fewer SMs, and pairs that share more or fewer. The
    /// hardware's numbers are its own, so that only how many there are can be compared.
    package var problems: [String] {
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

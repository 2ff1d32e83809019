#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The part of a device file for a card whose stages are CUDA graphs: one launch and one end a stage, whatever its number of
/// kernels. `docs/gpu-model.md` has the equations.
package struct GraphModel: Hashable, Sendable, Codable {
    /// Host time of a dispatch in µs, during which no other stage is dispatched: for the stage, and for each job of it.
    package var hostUs: Double
    package var hostJobUs: Double
    /// From the launch until the device starts, in µs; nothing disturbs it.
    package var launchUs: Double
    /// Time of a stage on the device beyond its kernels, in µs.
    package var stageUs: Double
    /// Copies over the bus in GB/s, to and from the device; the share of the device that one takes from computing stages.
    package var inGBs: Double
    package var outGBs: Double
    package var busShare: Double
    /// Copies of boundary tensors on the device in GB/s of payload, and the share of the device that one takes.
    package var copyGBs: Double
    package var copyShare: Double
    /// γ and k: beside a pressure p a stage runs at 1 / (1 + γ·p^k).
    package var collision: Double
    package var collisionPower: Double
    /// What stages on other SMs still feel of each other: a share of the pressure.
    package var disjoint: Double
    /// How much of a stage's work fewer SMs make longer: of what a dispatch costs once, and of what each job adds.
    package var quotaShare: Double
    package var quotaShareOfJobs: Double
    /// How many groups of `granularity` SMs green contexts are made of; the other SMs are in no context of fewer than all.
    package var greenGroups: Int?
    /// σ: the standard deviation of the logarithm of execution times.
    package var noise: Double
    /// How long what runs keeps the device when an express stage starts, in ms; `nil` where it has not been measured, which
    /// stands for a guess.
    package var preemptionMs: Double?
    /// The networks by name.
    package var networks: [String: GraphNetwork]

    /// A network's costs: affine in the number b of inferences of a dispatch.
    package struct GraphNetwork: Hashable, Sendable, Codable {
        /// Time alone of all its kernels on the whole device, in ms: t0 + t1·b.
        package var t0: Double
        package var t1: Double
        /// Device time that they use up, in ms: w0 + w1·b, at most the time.
        package var w0: Double
        package var w1: Double
        /// What of an inference crosses the bus, in MB.
        package var inMB: Double
        package var outMB: Double
        /// Device memory for its weights and working buffers, in MiB.
        package var memoryMiB: Double
        /// The stages that it was measured in, by their number.
        package var cuts: [String: Cut]

        /// The stages of a network.
        package struct Cut: Hashable, Sendable, Codable {
            /// Each stage's share of the kernels' time; they add up to 1.
            package var share: [Double]
            /// What each stage copies at its boundaries, in MB an inference.
            package var copyMB: [Double]
        }
    }

    /// The costs of the stages of `jobs` inferences, cut into `stages` stages; `nil` if the network is unknown.
    package func stages(_ network: String, stages: Int, inferences: Int) -> [GraphStage]? {
        guard let network = networks[network] else { return nil }
        let b = Double(inferences)
        let cut = network.cut(stages)
        let time = network.t0 + network.t1 * b
        let work = min(time, network.w0 + network.w1 * b)
        return (0..<stages).map { stage in
            GraphStage(
                time: (time * cut.share[stage] + stageUs * 1e-3) * 1e6, work: work * cut.share[stage] * 1e6,
                once: min(work, network.w0) * cut.share[stage] * 1e6, copy: cut.copyMB[stage] * b / copyGBs * 1e6,
                copyIn: stage == 0 ? network.inMB * b / inGBs * 1e6 : 0,
                copyOut: stage == stages - 1 ? network.outMB * b / outGBs * 1e6 : 0)
        }
    }

    /// Checks of every number: its name in the file, the number and its valid values.
    var checks: [(name: String, value: Double, range: ClosedRange<Double>)] {
        var checks: [(name: String, value: Double, range: ClosedRange<Double>)] = [
            ("graphs.hostUs", hostUs, 0...1e6), ("graphs.hostJobUs", hostJobUs, 0...1e6),
            ("graphs.launchUs", launchUs, 0...1e6), ("graphs.stageUs", stageUs, 0...1e6),
            ("graphs.inGBs", inGBs, 1e-3...1e6), ("graphs.outGBs", outGBs, 1e-3...1e6),
            ("graphs.busShare", busShare, 0...1), ("graphs.copyGBs", copyGBs, 1e-3...1e6),
            ("graphs.copyShare", copyShare, 0...1), ("graphs.collision", collision, 0...100),
            ("graphs.collisionPower", collisionPower, 0.05...20), ("graphs.disjoint", disjoint, 0...1),
            ("graphs.quotaShare", quotaShare, 0...100), ("graphs.quotaShareOfJobs", quotaShareOfJobs, 0...100),
            ("graphs.greenGroups", Double(greenGroups ?? 1), 1...4096), ("graphs.noise", noise, 0...1),
            ("graphs.preemptionMs", preemptionMs ?? 0, 0...1e3),
        ]
        for (name, network) in networks.sorted(by: { $0.key < $1.key }) {
            let name = "graphs.networks.\(name)"
            checks += [
                ("\(name).t0", network.t0, 0...1e6), ("\(name).t1", network.t1, 1e-9...1e6),
                ("\(name).w0", network.w0, 0...1e6), ("\(name).w1", network.w1, 1e-9...1e6),
                ("\(name).inMB", network.inMB, 0...1e6), ("\(name).outMB", network.outMB, 0...1e6),
                ("\(name).memoryMiB", network.memoryMiB, 0...1e9),
            ]
            for (count, cut) in network.cuts.sorted(by: { $0.key < $1.key }) {
                let number = Double(Int(count) ?? 0)
                checks += [
                    ("the number of stages of \(name).cuts.\(count)", number, 1...256),
                    ("the length of \(name).cuts.\(count).share", Double(cut.share.count), number...number),
                    ("the length of \(name).cuts.\(count).copyMB", Double(cut.copyMB.count), number...number),
                    ("the sum of \(name).cuts.\(count).share", cut.share.reduce(0, +), 0.999...1.001),
                    ("the least of \(name).cuts.\(count).share", cut.share.min() ?? 0, 0...1),
                    ("the least of \(name).cuts.\(count).copyMB", cut.copyMB.min() ?? 0, 0...1e6),
                ]
            }
        }
        return checks
    }
}

extension GraphModel {
    /// The same networks on another card: what a batch costs once takes as long as one SM is slow, what each inference adds as long as
    /// all SMs are; copies on the device follow the memory bandwidth. Host and bus do not change.
    ///
    /// - Parameters:
    ///   - speed: The ratio of peak rates of one SM.
    ///   - size: The ratio of numbers of SMs.
    ///   - bandwidth: The ratio of memory bandwidths.
    func scaled(speed: Double, size: Double, bandwidth: Double) -> GraphModel {
        var scaled = self
        scaled.copyGBs *= bandwidth
        scaled.greenGroups = nil
        scaled.networks = networks.mapValues { network in
            var network = network
            network.t0 /= speed
            network.t1 /= speed * size
            // A smaller card is filled by less.
            network.w0 = min(network.t0, network.w0 / (speed * size))
            network.w1 = min(network.t1, network.w1 / (speed * size))
            return network
        }
        return scaled
    }
}

extension GraphModel.GraphNetwork {
    /// The network in `count` stages: as measured, else made of the finest cut that was, whose neighbouring stages are joined so
    /// that the longest is as short as can be, or even ones where none was as fine. Copies grow with the number of boundaries.
    package func cut(_ count: Int) -> Cut {
        if let known = cuts["\(count)"] { return known }
        guard count > 1 else { return Cut(share: [1], copyMB: [0]) }
        let finest = cuts.values.max { $0.share.count < $1.share.count }
        let copies = finest.map { cut in
            cut.share.count > 1 ? cut.copyMB.reduce(0, +) * Double(count - 1) / Double(cut.share.count - 1) : 0
        }
        let even = Array(repeating: 1 / Double(count), count: count)
        let share = finest.flatMap { $0.share.count > count ? Self.joined($0.share, into: count) : nil } ?? even
        return Cut(share: share, copyMB: Array(repeating: (copies ?? 0) / Double(count), count: count))
    }

    /// Neighbours joined into `count` groups with the least largest sum.
    private static func joined(_ shares: [Double], into count: Int) -> [Double] {
        // best[g][n]: the least largest sum of the first n in g groups, and where the last of them begins.
        let sums = shares.reduce(into: [0.0]) { $0.append($0[$0.count - 1] + $1) }
        var best = [[(worst: Double, from: Int)]](
            repeating: Array(repeating: (.infinity, 0), count: shares.count + 1), count: count + 1)
        best[0][0].worst = 0
        for groups in 1...count {
            for end in groups...shares.count {
                for from in groups - 1..<end {
                    let worst = max(best[groups - 1][from].worst, sums[end] - sums[from])
                    if worst < best[groups][end].worst { best[groups][end] = (worst, from) }
                }
            }
        }
        var (end, joined) = (shares.count, [Double]())
        for groups in stride(from: count, to: 0, by: -1) {
            let from = best[groups][end].from
            joined.append(sums[end] - sums[from])
            end = from
        }
        return joined.reversed()
    }
}

/// The cost of a stage of a dispatch on a card with graphs. Times in ns.
package struct GraphStage: Hashable, Sendable {
    /// Time alone of its kernels on the whole device.
    package var time: Double
    /// Device time that they use up, and what of it does not grow with the number of jobs.
    package var work: Double
    package var once: Double
    /// Copies of boundary tensors on the device, and over the bus in and out.
    package var copy: Double
    package var copyIn: Double
    package var copyOut: Double
}

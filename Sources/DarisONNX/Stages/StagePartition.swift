/// The split of a sequence of nodes into consecutive stages with the shortest longest stage and, among these, the
/// fewest bytes across cuts.
///
/// The two aims are met one after the other. Bisection finds the least length of the longest stage, in nanoseconds: a
/// length is feasible if greedy filling needs no more stages than requested. Then dynamic programming over stages and
/// positions finds the fewest bytes within that length. The possible starts of a stage form a window that only moves
/// forward, so a sliding-window minimum makes each step constant.
///
/// - Complexity: O(n · (log C + N)) for n nodes of total cost C and N stages.
struct StagePartition {
    /// `prefix[p]`: the cost of all nodes before `p`.
    private let prefix: [Int64]
    private let liveBytes: [Int]
    /// The positions where a stage may end, ascending; the last is the number of nodes.
    private let ends: [Int]

    /// - Parameters:
    ///   - costs: The cost of each node, not negative.
    ///   - liveBytes: The bytes across a cut at each position from 0 to the number of nodes.
    ///   - isAllowed: Whether a cut may be made before the node at a position.
    init(costs: [Int64], liveBytes: [Int], isAllowed: (Int) -> Bool) {
        precondition(liveBytes.count == costs.count + 1, "one entry a position")
        var prefix: [Int64] = [0]
        prefix.reserveCapacity(costs.count + 1)
        var sum: Int64 = 0
        for cost in costs {
            sum = sum.addingSaturating(cost)
            prefix.append(sum)
        }
        self.prefix = prefix
        self.liveBytes = liveBytes
        ends = costs.indices.dropFirst().filter(isAllowed) + [costs.count]
    }

    /// The largest number of stages.
    var largestStageCount: Int { ends.count }

    /// The best cuts for a number of stages from 1 to ``largestStageCount``.
    ///
    /// - Parameter tolerance: The share by which the longest stage may be longer than necessary, to save bytes.
    func cuts(stages: Int, tolerance: Double = 0) -> [Int] {
        precondition((1...largestStageCount).contains(stages), "as many stages as there are places to end one")
        let shortest = shortestLimit(stages: stages)
        let longest = Int64(exactly: (Double(shortest) * (1 + tolerance)).rounded(.down)) ?? shortest
        return cheapestCuts(stages: stages, limit: max(shortest, longest))
    }

    /// The least cost of the longest stage.
    private func shortestLimit(stages: Int) -> Int64 {
        var low: Int64 = 0
        var high = prefix.last ?? 0
        while low < high {
            let middle = low + (high - low) / 2
            if needs(atMost: stages, limit: middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Whether `stages` stages suffice if none may cost more than `limit`.
    private func needs(atMost stages: Int, limit: Int64) -> Bool {
        var start = 0
        var end = 0
        var used = 1
        for next in ends {
            if prefix[next] - prefix[start] > limit {
                guard prefix[next] - prefix[end] <= limit, used < stages else { return false }
                used += 1
                start = end
            }
            end = next
        }
        return true
    }

    /// The cuts with the fewest bytes and no stage above `limit`. Of equal ones, those with the earliest last cut, then
    /// the earliest one before it, and so on.
    private func cheapestCuts(stages: Int, limit: Int64) -> [Int] {
        // Stage k may end at ends[k] at the earliest and must leave a position for each later stage: `width` positions.
        let width = ends.count - stages + 1
        let unreachable = Int.max
        // best[o]: the fewest bytes so far if the current stage k ends at ends[o + k]. The choices are the o of the
        // stage before it.
        var best = ends.prefix(width).map { prefix[$0] <= limit ? 0 : unreachable }
        var choices: [[Int32]] = []
        for stage in 1..<max(stages, 1) {
            var next = [Int](repeating: unreachable, count: width)
            var choice = [Int32](repeating: -1, count: width)
            // The ends of the stage before, by ascending bytes; the head is the cheapest one within the limit.
            var window: [(offset: Int, bytes: Int)] = []
            var head = 0
            for offset in 0..<width {
                if best[offset] != unreachable {
                    let bytes = best[offset].addingSaturating(liveBytes[ends[offset + stage - 1]])
                    while window.count > head, let last = window.last, last.bytes > bytes { window.removeLast() }
                    window.append((offset, min(bytes, unreachable - 1)))
                }
                let end = prefix[ends[offset + stage]]
                while head < window.count, end - prefix[ends[window[head].offset + stage - 1]] > limit { head += 1 }
                guard head < window.count else { continue }
                next[offset] = window[head].bytes
                choice[offset] = Int32(window[head].offset)
            }
            best = next
            choices.append(choice)
        }
        precondition(best[width - 1] != unreachable, "the limit was found feasible")
        var cuts: [Int] = []
        var offset = width - 1
        for (stage, choice) in zip(1..., choices).reversed() {
            offset = Int(choice[offset])
            cuts.append(ends[offset + stage - 1])
        }
        return cuts.reversed()
    }
}

extension FixedWidthInteger {
    /// The sum, or the nearest value of the type.
    func addingSaturating(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other > 0 ? .max : .min) : sum
    }
}

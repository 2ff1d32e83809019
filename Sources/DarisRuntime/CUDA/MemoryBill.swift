/// The memory that a task set takes on a GPU, worked out before anything is loaded.
struct MemoryBill: Sendable, Equatable {
    /// The weights of each model, as its stages' files have them.
    var weights: [Int]
    /// How often the weights lie on the device: once, or once a lane.
    var copies: Int
    /// The weights of each model that HP tasks run, once for each express lane.
    var expressWeights: [Int] = []
    /// How many express lanes there are.
    var expressLanes = 0
    /// What jobs keep between stages, all tasks together.
    var tasks: Int
    /// The lanes' tensors, all lanes together.
    var lanes: Int

    /// All of it.
    var total: Int { allWeights + tasks + lanes }

    private var allWeights: Int { weights.reduce(0, +) * copies + expressWeights.reduce(0, +) * expressLanes }

    /// Why it does not fit, or `nil` if it does.
    ///
    /// - Parameters:
    ///   - free: bytes free on the device.
    ///   - working: bytes that the lanes' sessions need besides, where that is known.
    func refusal(free: Int, working: Int = 0) -> String? {
        guard total + working > free else { return nil }
        var times = copies == 1 ? "" : " for each of \(copies) lanes"
        if expressLanes > 0 {
            times += ", \(Self.text(expressWeights.reduce(0, +))) for each of \(expressLanes) express lanes"
        }
        let sessions = working == 0 ? "" : ", \(Self.text(working)) of working memory of the lanes' sessions"
        return "the task set needs \(Self.text(total + working)) of the \(Self.text(free)) that are free: "
            + "\(Self.text(allWeights)) of weights (\(Self.text(weights.reduce(0, +)))\(times)), "
            + "\(Self.text(tasks)) between the stages of jobs, \(Self.text(lanes)) of tensors of the lanes\(sessions); "
            + "use fewer lanes, fewer tasks or a smaller batch"
    }

    /// Bytes for people: `1.5 GiB`.
    static func text(_ bytes: Int) -> String {
        let units: [(size: Double, name: String)] = [
            (1_073_741_824, "GiB"), (1_048_576, "MiB"), (1_024, "KiB"),
        ]
        let unit = units.first { Double(bytes) >= $0.size } ?? (1, "bytes")
        let value = Double(bytes) / unit.size
        let digits = unit.size == 1 || value >= 100 ? 0 : 1
        let scale = digits == 0 ? 1.0 : 10.0
        let rounded = (value * scale).rounded() / scale
        return digits == 0 ? "\(Int(rounded)) \(unit.name)" : "\(rounded) \(unit.name)"
    }
}

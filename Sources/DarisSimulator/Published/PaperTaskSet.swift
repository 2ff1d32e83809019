import DarisCore

/// The task sets whose measurements were published.
package struct PaperTaskSet: Hashable, Sendable, CaseIterable {
    /// The network they run, which names them.
    package let network: String
    /// The number of HP tasks.
    package let highPriority: Int
    /// The number of LP tasks.
    package let lowPriority: Int
    /// Releases a second of each task.
    package let rate: Double
    /// The stages their network is cut into.
    package let stages: Int

    /// ResNet18, U-Net and Inception v3.
    package static let allCases = [
        PaperTaskSet(network: "resnet18", highPriority: 16, lowPriority: 32, rate: 30, stages: 4),
        PaperTaskSet(network: "unet", highPriority: 5, lowPriority: 10, rate: 24, stages: 14),
        PaperTaskSet(network: "inception_v3", highPriority: 8, lowPriority: 16, rate: 24, stages: 13),
    ]

    /// HP jobs released a second.
    package var highPriorityRate: Double { Double(highPriority) * rate }
    /// LP jobs released a second.
    package var lowPriorityRate: Double { Double(lowPriority) * rate }

    /// The tasks as they were run: deadlines equal to periods, and a release that comes while its task's job is in flight
    /// waits for it.
    package func tasks(on gpu: GPUModel) -> [SimulatedTask] {
        guard let cost = gpu.networks[network] else { preconditionFailure("the device has no cost of \(network)") }
        let period = Nanoseconds.seconds(1 / rate)
        return (0..<highPriority + lowPriority).map { index in
            let isHigh = index < highPriority
            let specification = TaskSpecification(
                name: isHigh ? "hp-\(index + 1)" : "lp-\(index - highPriority + 1)", period: period,
                priority: isHigh ? .high : .low, overrun: .queue(limit: 1), afet: [])
            return SimulatedTask(specification, network: network, cost: cost, stages: stages)
        }
    }
}

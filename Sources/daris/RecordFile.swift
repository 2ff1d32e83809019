import DarisCore
import Foundation

/// placeholder
final class RecordFile: Sendable {
    init(path: String, plan: RunPlan, configuration: SchedulerConfiguration) throws {}
    var observer: (@Sendable (Event, Nanoseconds, CommandBuffer) -> Void)? { nil }
    func close() throws {}
}

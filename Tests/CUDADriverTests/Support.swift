import Synchronization
import Testing

@testable import CUDADriver

/// The error of CUDA that `body` throws, or `nil`.
func errorOf<T>(_ body: () throws -> T) -> CUDAError? {
    do {
        _ = try body()
        return nil
    } catch {
        #expect(error is CUDAError)
        return error as? CUDAError
    }
}

/// A number that several threads may count up.
final class Counter: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .sequentiallyConsistent) }
    func increment() { count.add(1, ordering: .sequentiallyConsistent) }
}

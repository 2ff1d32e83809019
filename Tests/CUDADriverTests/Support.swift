import FakeDriver
import Foundation
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

/// Runs `body` on a thread of its own, which has ended and let go of everything when this returns.
func onThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let created = pthread_create(
        &thread, nil,
        { data in
            if let data { Unmanaged<Box>.fromOpaque(data).takeRetainedValue().body() }
            return nil
        }, Unmanaged.passRetained(Box(body)).toOpaque())
    precondition(created == 0, "a thread can be made")
    pthread_join(thread, nil)
}

/// A number that several threads may count up.
final class Counter: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .sequentiallyConsistent) }
    func increment() { count.add(1, ordering: .sequentiallyConsistent) }
}

extension FakeDriver {
    /// Fails the test if a rule was broken or something was not released.
    func expectClean(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(violations.isEmpty, sourceLocation: sourceLocation)
        #expect(live() == 0, "objects are not released", sourceLocation: sourceLocation)
    }
}

"""Making, changing, removing and ordering modules."""

import strawberry

from app.catalog import service
from app.database import Transaction
from graphql_schema.catalog.payloads import CoursePayload, ModulePayload
from graphql_schema.context import Context
from graphql_schema.fields import field
from graphql_schema.mutation import mutation
from graphql_schema.node import global_id, required_number, required_numbers
from graphql_schema.permissions import TEACHER


@strawberry.input(description="A new module.")
class AddModuleInput:
    course_id: strawberry.ID = strawberry.field(description="The course it becomes part of.")
    title: str = strawberry.field(description="1 to 200 characters.")
    description: str = strawberry.field(default="", description="Plain text, up to 5,000 characters.")
    position: int | None = strawberry.field(
        default=None, description="Its place, from 1; at the end when left out."
    )


@strawberry.input(description="Changes of a module; what is left out or null stays as it is.")
class UpdateModuleInput:
    module_id: strawberry.ID = strawberry.field(description="The module.")
    expected_version: int = strawberry.field(
        description="The version you last saw; a stale one is a CONFLICT."
    )
    title: str | None = strawberry.field(default=None, description="1 to 200 characters.")
    description: str | None = strawberry.field(
        default=None, description="Plain text, up to 5,000 characters."
    )


@strawberry.input(description="The module to remove, with its lessons.")
class RemoveModuleInput:
    module_id: strawberry.ID = strawberry.field(description="The module.")


@strawberry.input(description="The order of a course's modules.")
class ReorderModulesInput:
    course_id: strawberry.ID = strawberry.field(description="The course.")
    module_ids: list[strawberry.ID] = strawberry.field(
        description="Every module of the course, each once, in order."
    )


@strawberry.type(description="The new module.")
class AddModulePayload(ModulePayload):
    pass


@strawberry.type(description="The changed module.")
class UpdateModulePayload(ModulePayload):
    pass


@strawberry.type(description="The course without the module.")
class RemoveModulePayload(CoursePayload):
    removed_module_id: strawberry.ID | None = field(
        description="The module that is gone, for clients to forget; null when there are errors.",
        default=None,
    )


@strawberry.type(description="The course with its modules in the new order.")
class ReorderModulesPayload(CoursePayload):
    pass


async def add_module(tx: Transaction, context: Context, input: AddModuleInput) -> AddModulePayload:
    module_id = await service.add_module(
        tx,
        context.actor,
        course_id=required_number("Course", input.course_id, "courseId"),
        title=input.title,
        description=input.description,
        position=input.position,
    )
    return AddModulePayload(module_id=module_id)


async def update_module(tx: Transaction, context: Context, input: UpdateModuleInput) -> UpdateModulePayload:
    module_id = required_number("Module", input.module_id, "moduleId")
    await service.update_module(
        tx,
        context.actor,
        module_id=module_id,
        expected_version=input.expected_version,
        title=input.title,
        description=input.description,
    )
    return UpdateModulePayload(module_id=module_id)


async def remove_module(tx: Transaction, context: Context, input: RemoveModuleInput) -> RemoveModulePayload:
    module_id = required_number("Module", input.module_id, "moduleId")
    course_id = await service.remove_module(tx, context.actor, module_id=module_id)
    return RemoveModulePayload(course_id=course_id, removed_module_id=global_id("Module", module_id))


async def reorder_modules(
    tx: Transaction, context: Context, input: ReorderModulesInput
) -> ReorderModulesPayload:
    course_id = required_number("Course", input.course_id, "courseId")
    module_ids = required_numbers("Module", input.module_ids, "moduleIds")
    await service.reorder_modules(tx, context.actor, course_id=course_id, module_ids=module_ids)
    return ReorderModulesPayload(course_id=course_id)


@strawberry.type
class ModuleMutations:
    add_module = mutation(
        add_module, policy=TEACHER, description="Adds a module. For the course's instructors."
    )
    update_module = mutation(
        update_module, policy=TEACHER, description="Changes a module. For the course's instructors."
    )
    remove_module = mutation(
        remove_module,
        policy=TEACHER,
        description="Removes a module and its lessons. For the course's instructors.",
    )
    reorder_modules = mutation(
        reorder_modules,
        policy=TEACHER,
        description="Puts a course's modules in order. For the course's instructors.",
    )
